"""What happens before the panel works: complete the environment, look for obstacles, name them in one line."""

import atexit
import errno
import fcntl
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import environ

from panel import processes

if TYPE_CHECKING:
    from panel.embedded import Lease

BASE_DIR = Path(__file__).resolve().parent.parent

SERVERLESS_COMMANDS = (
    *("build_css", "check", "collectstatic", "compilemessages", "demo_chain", "diffsettings", "findstatic", "help"),
    *("makemessages", "makemigrations", "startapp", "version", "--version"),
)
EMBEDDED_SECRETS = ("SECRET_KEY", "API_KEY_PEPPER", "PROVIDER_KEYS_SECRET")
# Came later: a data directory made before has nothing that it could make worthless.
LATER_SECRETS = ("PROVIDER_KEYS_SECRET",)
SECRET_BYTES = 48
PREFLIGHT_TIMEOUT_SECONDS = 3
PORT_MAX = 65535

_lease: "Lease | None" = None


class StartupError(Exception):
    """The panel cannot start; the message is one line for the operator."""


def read_env_file() -> None:
    """Read `.env`, or the file that ENV_FILE names; what the environment already has wins."""
    environ.Env.read_env(os.environ.get("ENV_FILE", BASE_DIR / ".env"))


def data_directory() -> Path:
    """Everything this machine keeps for the panel outside its database."""
    return Path(os.environ.get("PANEL_DATA") or BASE_DIR / "var").resolve()


def complete_environment(arguments: Sequence[str]) -> None:
    """Start embedded servers for a command line whose environment names none, and put their addresses there.

    That happens only outside production: without DATABASE_URL and with DEBUG not switched off, or with DEBUG on and
    without REDIS_URL.

    :raises StartupError: the servers cannot be started
    """
    read_env_file()
    os.environ["PANEL_DATA"] = str(data_directory())
    postgres = not os.environ.get("DATABASE_URL")
    valkey = not os.environ.get("REDIS_URL")
    if not (postgres or valkey) or not environ.Env().bool("DEBUG", default=postgres):
        return
    os.environ["DEBUG"] = "1"
    if _needs_no_server(arguments):
        # makemigrations would like to compare with what is applied, and goes on without.
        warnings.filterwarnings("ignore", "Got an error checking a consistent migration history", RuntimeWarning)
        return
    lease = _hold_servers(postgres=postgres, valkey=valkey)
    if postgres:
        os.environ["DATABASE_URL"] = lease.database_url
    if valkey:
        os.environ["REDIS_URL"] = lease.redis_url
    for name, value in _embedded_secrets(data_directory() / "secrets.json").items():
        os.environ.setdefault(name, value)


@contextmanager
def explain_failures() -> Iterator[None]:
    """Turn what an operator can mend into one line on stderr and exit code 1; a bug keeps its traceback."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        explanation = _explain(error)
        if explanation is None:
            raise
        sys.exit(f"panel: {' '.join(explanation.split())}")


def check_port(host: str, port: int) -> None:
    """Bind the web server's address for a moment.

    :raises StartupError: it cannot be bound
    """
    if not 0 < port <= PORT_MAX:
        raise StartupError(f"PORT must be a number from 1 to {PORT_MAX}, not {port}")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "another program uses it; set PORT to a free one"
        else:
            reason = error.strerror or str(error)
        raise StartupError(f"the web server cannot listen on {host} port {port}: {reason}") from error


def check_data_directory() -> None:
    """Make PANEL_DATA if it is not there yet.

    :raises StartupError: this user cannot write there
    """
    data = data_directory()
    try:
        data.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=data).close()
    except OSError as error:
        raise StartupError(f"the data directory {data} cannot be used: {error.strerror}; set PANEL_DATA") from error


def check_database() -> None:
    """Connect to the database once.

    :raises OperationalError: it does not answer
    """
    from django.db import connection

    connection.ensure_connection()
    connection.close()


def check_redis() -> None:
    """Connect to Redis once.

    :raises StartupError: it does not answer
    """
    import redis
    from django.conf import settings

    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=PREFLIGHT_TIMEOUT_SECONDS,
            socket_timeout=PREFLIGHT_TIMEOUT_SECONDS,
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise StartupError(
            f"Redis does not answer at REDIS_URL ({_without_password(settings.REDIS_URL)}): {error}"
        ) from error


def become(command: Sequence[str], variables: Mapping[str, str] | None = None) -> NoReturn:
    """Replace this process by another program, given some environment variables more.

    A process that holds embedded servers stays as the program's parent instead, because somebody has to stop them.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(variables or {})}
    os.chdir(BASE_DIR)  # the programs look for the package `panel` where they are
    if _lease is None:
        os.execve(command[0], list(command), environment)  # noqa: S606 (a shell is just what must not be in between)
    child = processes.start(command, env=environment)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.terminate())
    code = child.wait()
    processes.signal_group(child.pid, signal.SIGKILL)  # granian's workers outlive a killed master
    sys.exit(128 - code if code < 0 else code)


def restart_dead_servers() -> None:
    """Start an embedded server of this process again if it was killed.

    :raises StartupError: it does not start
    """
    if _lease is not None:
        with _embedded_failures():
            _lease.restart_dead()


def _needs_no_server(arguments: Sequence[str]) -> bool:
    command, options = (arguments[1:2] or ["help"])[0], arguments[2:]
    return command in SERVERLESS_COMMANDS or not {"-h", "--help"}.isdisjoint((command, *options))


def _hold_servers(*, postgres: bool, valkey: bool) -> "Lease":
    global _lease
    # Imported here because a production machine needs none of it.
    from panel.embedded import Lease

    # Python would die of these without giving the lease back.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit_on_signal)
    lease = Lease(data_directory(), postgres=postgres, valkey=valkey)
    with _embedded_failures():
        lease.acquire()
    atexit.register(lease.release)
    _lease = lease
    return lease


@contextmanager
def _embedded_failures() -> Iterator[None]:
    from panel.embedded import EmbeddedServerError

    try:
        yield
    except EmbeddedServerError as error:
        raise StartupError(str(error)) from error


def _exit_on_signal(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def _embedded_secrets(path: Path) -> dict[str, str]:
    """Read the secrets of a data directory; the first caller makes them."""
    with suppress(FileExistsError):
        _write_once(path, json.dumps({name: secrets.token_urlsafe(SECRET_BYTES) for name in EMBEDDED_SECRETS}))
    try:
        found = json.loads(path.read_text())
        if any(name not in found for name in LATER_SECRETS):
            found = _add_later_secrets(path)
        return {name: found[name] for name in EMBEDDED_SECRETS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Not made anew: another pepper would make every API key in the database worthless.
        raise StartupError(f"the secrets in {path} cannot be read: {error!r}") from error


def _add_later_secrets(path: Path) -> dict[str, str]:
    """Add to an older file what it lacks; of several processes one does, and the others read what it wrote."""
    with path.open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        # Read by its name: who waited holds a file that was replaced meanwhile.
        found: dict[str, str] = json.loads(path.read_text())
        missing = {name: secrets.token_urlsafe(SECRET_BYTES) for name in LATER_SECRETS if name not in found}
        if missing:
            draft = _draft(path, json.dumps(found | missing))
            draft.replace(path)
        return found | missing


def _write_once(path: Path, text: str) -> None:
    """Write a private file whole or not at all.

    :raises FileExistsError: somebody was first
    """
    if path.exists():
        raise FileExistsError(path)
    draft = _draft(path, text)
    try:
        os.link(draft, path)
    finally:
        draft.unlink()


def _draft(path: Path, text: str) -> Path:
    """Write a private file beside the one it is to become."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    return draft


def _explain(error: Exception) -> str | None:
    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError

    if isinstance(error, StartupError | ImproperlyConfigured):
        return str(error)
    # An answer of the server carries a code; what has none never reached it.
    if isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", None) is None:
        return f"the database of DATABASE_URL does not answer: {error}"
    return None


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
