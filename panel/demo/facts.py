"""`demo.json`: how to get into the demo, the only place where its passwords and its key are written down."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

Facts = dict[str, Any]


def path() -> Path:
    """Return where the facts are kept."""
    return settings.PANEL_DATA / "demo.json"


def read() -> Facts:
    """Return the facts of an earlier run; empty when there are none, or none that can be read."""
    try:
        facts = json.loads(path().read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write(facts: Facts) -> None:
    """Replace the file in one step, readable by its owner only from its first byte on."""
    path().parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes the file with mode 600, and beside its target: a rename cannot cross file systems.
    handle, scratch = tempfile.mkstemp(dir=path().parent, prefix="demo.", suffix=".json")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(facts, file, indent=2)
            file.write("\n")
        Path(scratch).replace(path())
    except BaseException:
        Path(scratch).unlink()
        raise
