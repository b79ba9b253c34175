"""The secrets of an embedded data directory: made once, completed once, never made anew."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from panel import startup
from panel.startup import EMBEDDED_SECRETS, StartupError

OLD = {"SECRET_KEY": "old-key", "API_KEY_PEPPER": "old-pepper"}
# Another process that reads them as soon as all of them are there.
READER = """
import sys
from pathlib import Path
from panel import startup
print("ready", flush=True)
sys.stdin.readline()
print(startup._embedded_secrets(Path(sys.argv[1])), flush=True)
"""


def test_the_first_caller_makes_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    made = startup._embedded_secrets(path)
    assert set(made) == set(EMBEDDED_SECRETS)
    assert startup._embedded_secrets(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_older_directory_gets_what_came_later(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps(OLD))
    completed = startup._embedded_secrets(path)
    assert completed == OLD | {"PROVIDER_KEYS_SECRET": completed["PROVIDER_KEYS_SECRET"]}
    assert len(completed["PROVIDER_KEYS_SECRET"]) >= startup.SECRET_BYTES
    assert startup._embedded_secrets(path) == completed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


def test_several_processes_complete_it_to_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps(OLD))
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(path)],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.write("go\n")
        reader.stdin.flush()
    said = {reader.communicate(timeout=60)[0] for reader in readers}
    assert said == {f"{startup._embedded_secrets(path)}\n"}


@pytest.mark.parametrize("missing", OLD)
def test_what_the_database_hangs_on_is_never_made_anew(missing: str, tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({name: value for name, value in OLD.items() if name != missing}))
    with pytest.raises(StartupError, match=missing):
        startup._embedded_secrets(path)
