"""The embedded servers: who starts them, who stops them, and what they survive."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from django.conf import settings

from panel.embedded import EmbeddedServerError, Lease, postgres

# Another process that uses the servers until its stdin closes.
HOLDER = """
import signal
import sys
import tempfile
from pathlib import Path
from panel.embedded import Lease
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
lease = Lease(Path(sys.argv[1]), durable=False)
lease.acquire()
print("holding", flush=True)
sys.stdin.read()
lease.release()
"""


class Holder:
    def __init__(self, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(data)],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def wait_until_holding(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "holding\n"

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One data directory for all tests here: making a database takes a second."""
    path = tmp_path_factory.mktemp("data")
    yield path
    left = servers_in(path)
    for process in left:
        process.kill()
    assert left == []


@pytest.fixture
def lease(data: Path) -> Iterator[Lease]:
    lease = Lease(data, durable=False)
    lease.acquire()
    yield lease
    lease.release()


@pytest.fixture
def hold(data: Path) -> Iterator[Callable[[], Holder]]:
    holders = []

    def start() -> Holder:
        holders.append(Holder(data))
        holders[-1].wait_until_holding()
        return holders[-1]

    yield start
    for holder in holders:
        if holder.process.poll() is None:
            holder.leave()


def servers_in(data: Path) -> list[psutil.Process]:
    """The main processes of the servers of a data directory."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.name() in ("postgres", "valkey-server") and Path(process.cwd()).is_relative_to(data)
            if ours and process.status() != psutil.STATUS_ZOMBIE and process.parent().name() != "postgres":
                found.append(process)
        except (psutil.Error, AttributeError):
            continue
    return sorted(found, key=lambda process: process.name())


def ask_database(lease: Lease, question: str) -> object:
    with psycopg.connect(lease.database_url, autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone()[0] if cursor.description else None


def ask_redis(lease: Lease) -> redis.Redis:
    return redis.Redis.from_url(lease.redis_url)


def test_both_servers_answer(lease: Lease) -> None:
    assert ask_database(lease, "SELECT current_database()") == "panel"
    assert ask_redis(lease).ping()


def test_durable_unless_said_otherwise() -> None:
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & set(postgres.POSTGRES_SETTINGS)


def test_nobody_else_may_enter(lease: Lease, data: Path) -> None:
    for directory in ("postgres", "valkey"):
        assert stat.S_IMODE((data / directory).stat().st_mode) == 0o700


def test_data_is_there_again_after_a_stop(data: Path) -> None:
    first = Lease(data, durable=False)
    first.acquire()
    ask_database(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    ask_redis(first).set("kept", 42)
    first.release()
    assert servers_in(data) == []

    second = Lease(data, durable=False)
    second.acquire()
    assert ask_database(second, "SELECT answer FROM kept") == 42
    assert ask_redis(second).get("kept") == b"42"
    ask_database(second, "DROP TABLE kept")
    second.release()


def test_last_one_out_stops_the_servers(data: Path, hold: Callable[[], Holder]) -> None:
    first, second = hold(), hold()
    running = servers_in(data)
    assert [process.name() for process in running] == ["postgres", "valkey-server"]

    first.leave()
    assert servers_in(data) == running

    second.leave()
    assert servers_in(data) == []


def test_who_comes_after_a_killed_holder_takes_the_servers_over(data: Path, hold: Callable[[], Holder]) -> None:
    killed = hold()
    running = servers_in(data)
    killed.kill()
    assert servers_in(data) == running

    heir = hold()
    assert servers_in(data) == running

    heir.leave()
    assert servers_in(data) == []


def test_many_may_come_first_at_once(tmp_path: Path) -> None:
    holders = [Holder(tmp_path) for _ in range(3)]
    for holder in holders:
        holder.wait_until_holding()
    assert [process.name() for process in servers_in(tmp_path)] == ["postgres", "valkey-server"]

    leaving = [threading.Thread(target=holder.leave) for holder in holders]
    for thread in leaving:
        thread.start()
    for thread in leaving:
        thread.join()
    assert servers_in(tmp_path) == []


def test_recovers_after_kill_9_of_everything(data: Path, lease: Lease, hold: Callable[[], Holder]) -> None:
    ask_database(lease, "CREATE TABLE survives AS SELECT 7 AS answer")
    ask_database(lease, "CHECKPOINT")  # these servers do not wait for the disk
    lease.release()
    holder = hold()
    for process in servers_in(data):
        process.kill()
    holder.kill()

    lease.acquire()
    assert ask_database(lease, "SELECT answer FROM survives") == 7
    ask_database(lease, "DROP TABLE survives")


def test_a_holder_starts_killed_servers_again(lease: Lease, data: Path) -> None:
    before = servers_in(data)
    lease.restart_dead()
    assert servers_in(data) == before

    for process in before:
        process.kill()
    wait_for(lambda: servers_in(data) == [])
    lease.restart_dead()
    assert ask_database(lease, "SELECT 1") == 1
    assert ask_redis(lease).ping()


@pytest.mark.parametrize("pid", [os.getpid(), 1, 2**22 - 1], ids=["alive", "root's", "dead"])
def test_a_pid_left_behind_that_is_not_postgres_is_no_obstacle(data: Path, lease: Lease, pid: int) -> None:
    lease.release()
    pid_file = data / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{pid}\n{data}/postgres\n1700000000\n5432\n{data}/postgres\n\n  1 1\nready   \n")

    lease.acquire()
    assert ask_database(lease, "SELECT 1") == 1


def test_an_unreadable_dump_does_not_stop_valkey(data: Path, lease: Lease) -> None:
    lease.release()
    (data / "valkey" / "dump.rdb").write_bytes(b"REDIS0011 not a dump")

    lease.acquire()
    assert ask_redis(lease).ping()
    assert (data / "valkey" / "dump.rdb.unreadable").exists()


def test_a_path_too_long_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path(tempfile.mkdtemp())  # others' sockets come and go in the shared one
    own.chmod(0o755)  # root's PostgreSQL runs as somebody else
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    lease = Lease(tmp_path / ("a directory with blanks, ümlauts and % signs " * 3), durable=False)
    lease.acquire()
    places = [path for path in own.glob(f"panel-{os.getuid()}-*") if path.is_dir()]
    try:
        assert ask_database(lease, "SELECT 1") == 1
        assert ask_redis(lease).ping()
        assert places
        assert all(stat.S_IMODE(place.stat().st_mode) == 0o700 for place in places)
    finally:
        lease.release()
    assert [place for place in places if place.exists() and not any(place.iterdir())] == []
    shutil.rmtree(own)


def test_a_path_with_blanks_and_signs(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "ü %41?", durable=False)
    lease.acquire()
    try:
        assert ask_database(lease, "SELECT current_database()") == "panel"
        assert ask_redis(lease).ping()
    finally:
        lease.release()


def test_a_data_directory_that_is_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match=r"\Athe data directory .*/file cannot be used: [^\n]+\Z"):
        Lease(tmp_path / "file").acquire()


def test_the_database_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "postgres").mkdir()
    stranger = os.getuid() + 1 if os.geteuid() else 1
    monkeypatch.setattr(postgres.Postgres, "_system_user", lambda _: pwd.getpwuid(stranger))
    with pytest.raises(EmbeddedServerError, match="belongs to the user"):
        Lease(tmp_path, valkey=False).acquire()


def test_a_start_that_fails_says_why_and_leaves_nothing(data: Path, lease: Lease) -> None:
    lease.release()
    control = data / "postgres" / "global" / "pg_control"
    control.rename(control.with_name("hidden"))
    try:
        with pytest.raises(
            EmbeddedServerError, match=r"\Athe embedded PostgreSQL does not start \([^\n]*\); see .*log\Z"
        ):
            lease.acquire()
        assert servers_in(data) == []
    finally:
        control.with_name("hidden").rename(control)


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(data: Path, hold: Callable[[], Holder]) -> None:
    holder = hold()
    running = servers_in(data)
    os.killpg(holder.process.pid, signal.SIGINT)
    holder.process.wait(30)
    assert servers_in(data) == running

    hold().leave()
    assert servers_in(data) == []


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
