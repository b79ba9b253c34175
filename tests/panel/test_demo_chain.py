"""A panel that buys from another one: what is ordered at the second is delivered by the first, and both books agree."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings

from panel.demo import chain
from panel.demo.chain import Panel
from panel.demo.orders import FIRST_ORDER_ID

START_SECONDS = 300  # two panels, on a machine that runs other tests meanwhile
END_SECONDS = 120
DEMO_ORDERS = 7
FINAL = ("Completed", "Partial", "Canceled")


@pytest.fixture
def ports() -> int:
    """The first of two free ports."""
    while True:
        with socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                next_one.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.fixture
def panels(tmp_path: Path, ports: int) -> Iterator[tuple[Panel, Panel]]:
    """The chain as `make demo-chain` starts it, at a speed that suits a test."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"PORT": str(ports), "PANEL_DATA": str(tmp_path), "SANDBOX_SPEED": "4", "ENV_FILE": os.devnull}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo_chain"], cwd=settings.BASE_DIR, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        wait_for((tmp_path / "chain/second/chain.json").exists, process=process, seconds=START_SECONDS)
        yield chain.describe_pair(data=tmp_path / "chain", port=ports)
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=END_SECONDS)
        assert process.returncode == 0, output
        assert "Two panels are ready" in output
        assert psutil.wait_procs(started, timeout=10)[1] == []
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for(is_true: Callable[[], Any], *, process: subprocess.Popen[str] | None = None, seconds: float) -> Any:
    """Wait for something to become true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := is_true():
            return result
        if process is not None and process.poll() is not None:
            pytest.fail(f"it ended: {process.communicate()[0]}")
        time.sleep(0.2)
    return pytest.fail(f"not true after {seconds} s")


def statuses(panel: Panel, orders: dict[str, int]) -> dict[str, dict[str, str]]:
    found = chain.call_api(panel, action="status", orders=",".join(map(str, orders.values())))
    return {name: found[str(order)] for name, order in orders.items()}


def demo_statuses(panel: Panel) -> list[str]:
    ids = range(FIRST_ORDER_ID, FIRST_ORDER_ID + DEMO_ORDERS)
    found = chain.call_api(panel, action="status", orders=",".join(map(str, ids)))
    return [one["status"] for one in found.values()]


def place(panel: Panel, service: int, name: str, **more: object) -> int:
    answer = chain.call_api(
        panel, action="add", service=service, link=f"https://example.com/{name}", **{"quantity": 1000, **more}
    )
    assert list(answer) == ["order"], answer
    return answer["order"]


def balance(panel: Panel) -> Decimal:
    return Decimal(chain.call_api(panel, action="balance")["balance"])


def test_what_the_second_sells_is_delivered_by_the_first(panels: tuple[Panel, Panel]) -> None:
    first, second = panels
    resold = chain.connect(first, second)
    offers = {entry["name"]: entry for entry in chain.call_api(first, action="services")}
    name = next(name for name in resold if offers[name]["refill"] and offers[name]["cancel"])
    service, bought = resold[name], offers[name]
    sold = next(entry for entry in chain.call_api(second, action="services") if entry["service"] == service)
    assert Decimal(sold["rate"]) == Decimal(bought["rate"]) * Decimal("1.25")
    assert {**sold, "service": 0, "rate": ""} == {**bought, "service": 0, "rate": ""}
    for panel in panels:
        # One of the demo's own orders is refunded in part; nothing else moves money by itself.
        wait_for(lambda panel=panel: "Partial" in demo_statuses(panel), seconds=END_SECONDS)
    before = balance(first), balance(second)

    orders = {word: place(second, service, f"{word}-{second.port}") for word in ("whole", "partial", "reject")}
    orders["slow"] = place(second, service, f"slow-{second.port}")
    wait_for(lambda: statuses(second, orders)["slow"]["status"] == "In progress", seconds=END_SECONDS)
    assert chain.call_api(second, action="cancel", orders=orders["slow"]) == [{"order": orders["slow"], "cancel": 1}]

    def are_final() -> dict[str, dict[str, str]] | None:
        found = statuses(second, orders)
        return found if all(one["status"] in FINAL for one in found.values()) else None

    ended = wait_for(are_final, seconds=END_SECONDS)
    charge = Decimal(sold["rate"])
    assert (ended["whole"]["status"], Decimal(ended["whole"]["charge"])) == ("Completed", charge)
    assert (ended["partial"]["status"], ended["partial"]["remains"]) == ("Partial", "400")
    assert Decimal(ended["partial"]["charge"]) == charge * Decimal("0.6")
    assert (ended["reject"]["status"], Decimal(ended["reject"]["charge"])) == ("Canceled", 0)
    assert ended["slow"]["status"] in ("Partial", "Canceled")
    spent = sum(Decimal(one["charge"]) for one in ended.values())
    assert balance(second) == before[1] - spent
    # What the first charges is the cost of the same units.
    assert abs((before[0] - balance(first)) * Decimal("1.25") - spent) <= Decimal("0.0001")

    refill = chain.call_api(second, action="refill", order=orders["whole"])["refill"]
    wait_for(
        lambda: chain.call_api(second, action="refill_status", refill=refill) == {"status": "Completed"},
        seconds=END_SECONDS,
    )
    for panel in panels:
        assert "0 mismatches: every cent is explained" in panel.manage("audit_ledger")
