"""`manage.py` as an operator meets it: one command that runs everything, one line for every obstacle."""

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from panel import processes

START_SECONDS = 120  # a machine that runs other tests meanwhile is slow
PRODUCTION = {
    "SECRET_KEY": "only-for-tests",
    "API_KEY_PEPPER": "only-for-tests",
    "PROVIDER_KEYS_SECRET": "only-for-tests",
    "ALLOWED_HOSTS": "panel.example",
    "REDIS_URL": settings.REDIS_URL,
    "DATABASE_URL": os.environ["DATABASE_URL"],
}
NOBODY_LISTENS = "127.0.0.1:1"


@pytest.fixture
def free_port() -> int:
    return processes.free_port()


@pytest.fixture
def manage(tmp_path: Path, free_port: int) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one command in an environment that has nothing but what the test sets."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=bare_environment(tmp_path, free_port) | variables,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    return run


@pytest.fixture
def running(tmp_path: Path, free_port: int) -> Iterator[subprocess.Popen[str]]:
    """The whole panel, as `make run` starts it."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run"],
        cwd=settings.BASE_DIR,
        env=bare_environment(tmp_path, free_port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=START_SECONDS)


def bare_environment(data: Path, port: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"PANEL_DATA": str(data), "PORT": str(port), "ENV_FILE": os.devnull}


def read_until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"it ended without {pattern!r}:\n{said}")


def processes_of(data: Path) -> list[psutil.Process]:
    """Everything that was started for a data directory, however it was started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PANEL_DATA") == str(data) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def ask_balance(curl: str) -> object:
    answer = subprocess.run(shlex.split(curl), capture_output=True, text=True, timeout=30, check=True)
    return json.loads(answer.stdout)


def assert_one_line(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert result.returncode == 1
    assert re.fullmatch(r"panel: [^\n]+\n", result.stderr), result.stderr
    for part in parts:
        assert part in result.stderr


def test_run_serves_and_leaves_nothing_behind(
    running: subprocess.Popen[str],
    manage: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    curl = read_until(running, r"curl -s http://.*action=balance").group()
    assert ask_balance(curl).keys() == {"balance", "currency"}
    for file in ("secrets.json", "demo.json"):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600

    # A short command neither starts servers of its own nor stops these.
    assert manage("shell", "-v0", "-c", "from accounts.models import User; print(User.objects.count())").stdout > "0"
    assert ask_balance(curl).keys() == {"balance", "currency"}

    # More than once, as when both make and the terminal pass it on: one signal comes while another is handled.
    for _ in range(1000):
        running.terminate()
    running.communicate(timeout=START_SECONDS)
    assert running.returncode == 0
    assert processes_of(tmp_path) == []


def test_everything_stops_when_one_process_dies(running: subprocess.Popen[str], tmp_path: Path) -> None:
    pid = int(read_until(running, r"web started \(pid=(\d+)\)").group(1))
    os.kill(pid, signal.SIGKILL)

    said, _ = running.communicate(timeout=START_SECONDS)
    assert said.splitlines()[-1] == "panel: web ended by itself, so everything was stopped"
    assert running.returncode == 1
    assert processes_of(tmp_path) == []


def test_nothing_of_ours_outlives_a_killed_supervisor(
    running: subprocess.Popen[str], manage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    read_until(running, "beat started")
    running.kill()
    running.wait()

    deadline = time.monotonic() + START_SECONDS
    while {process.name() for process in processes_of(tmp_path)} - {"postgres", "valkey-server"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # The servers wait for the next user, who stops them.
    assert manage("showmigrations").returncode == 0
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("command", ["run", "web"])
def test_a_taken_port(command: str, manage: Callable[..., subprocess.CompletedProcess[str]], free_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        assert_one_line(manage(command, **PRODUCTION, HOST="127.0.0.1"), f"port {free_port}", "set PORT")


@pytest.mark.parametrize("port", ["0", "99999", "http"])
def test_a_port_that_is_none(port: str, manage: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert_one_line(manage("web", **PRODUCTION, PORT=port), "PORT")


@pytest.mark.parametrize("command", ["run", "web", "worker", "migrate"])
def test_a_database_that_does_not_answer(command: str, manage: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    url = f"postgresql://panel:pass-phrase@{NOBODY_LISTENS}/panel"
    result = manage(command, **PRODUCTION | {"DATABASE_URL": url})
    assert_one_line(result, "DATABASE_URL", "127.0.0.1")
    assert "pass-phrase" not in result.stderr


@pytest.mark.parametrize("url", ["mysql://host/panel", "panel", "postgresql://host:port/panel", "postgresql://host"])
def test_a_database_url_that_is_none(url: str, manage: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert_one_line(manage("migrate", **PRODUCTION | {"DATABASE_URL": url}), "DATABASE")


def test_a_database_that_does_not_exist(manage: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    url = PRODUCTION["DATABASE_URL"].replace("/panel?", "/nowhere?")
    assert_one_line(manage("migrate", **PRODUCTION | {"DATABASE_URL": url}), 'database "nowhere" does not exist')


@pytest.mark.parametrize("command", ["run", "web", "worker", "beat"])
def test_a_redis_that_does_not_answer(command: str, manage: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    result = manage(command, **PRODUCTION | {"REDIS_URL": f"redis://:pass-phrase@{NOBODY_LISTENS}/0"})
    assert_one_line(result, "REDIS_URL", NOBODY_LISTENS)
    assert "pass-phrase" not in result.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "API_KEY_PEPPER", "PROVIDER_KEYS_SECRET", "ALLOWED_HOSTS", "REDIS_URL"])
def test_a_missing_secret_in_production(name: str, manage: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert_one_line(manage("web", **{key: value for key, value in PRODUCTION.items() if key != name}), name)


def test_debug_switched_off_means_no_embedded_servers(
    manage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert_one_line(manage("migrate", DEBUG="0"), "SECRET_KEY")
    assert list(tmp_path.iterdir()) == []


def test_a_data_directory_that_cannot_be_used(
    manage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert_one_line(manage("run", PANEL_DATA=str(tmp_path / "file")), "PANEL_DATA")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_may_not_be_written(
    manage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    try:
        assert_one_line(manage("run"), "PANEL_DATA", "Permission denied")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("arguments", [["help"], ["check"], ["migrate", "--help"], ["--version"]], ids=" ".join)
def test_what_needs_no_server_starts_none(
    arguments: list[str], manage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert manage(*arguments).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_environment_file_is_read(manage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    file = tmp_path / "production.env"
    file.write_text("DEBUG=0\nSECRET_KEY=from-the-file\n")
    assert_one_line(manage("migrate", ENV_FILE=str(file)), "API_KEY_PEPPER")
