"""The time zones people choose from, as they call them: by part of the world and city."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

# The IANA database has more: old names by country (`US/Eastern`) and offsets without summer time (`Etc/GMT+5`).
PARTS_OF_THE_WORLD = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip


class Zone(NamedTuple):
    """One time zone as a person reads it."""

    name: str
    city: str
    offset: str


def list_zones() -> dict[str, list[Zone]]:
    """List the zones by part of the world, with their distance from UTC at this moment."""
    now = datetime.now(UTC)
    listed: dict[str, list[Zone]] = {}
    for part, zones in _zones().items():
        listed[part] = [Zone(name, city, format_offset(now.astimezone(zone))) for name, city, zone in zones]
    return listed


def format_offset(moment: datetime) -> str:
    """Write how far a clock is from UTC: `UTC`, `UTC+1` or `UTC−3:30`."""
    minutes = round((moment.utcoffset() or timedelta()).total_seconds() / 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "−"
    return f"UTC{sign}{hours}:{rest:02}" if rest else f"UTC{sign}{hours}"


@lru_cache(maxsize=1)
def _zones() -> dict[str, list[tuple[str, str, ZoneInfo]]]:
    """Read the database once per process: hundreds of small files."""
    parts: dict[str, list[tuple[str, str, ZoneInfo]]] = {part: [] for part in PARTS_OF_THE_WORLD}
    for name in sorted(available_timezones()):
        part, _, city = name.partition("/")
        if part in parts and city:
            try:
                zone = ZoneInfo(name)
            except ZoneInfoNotFoundError:
                continue  # named in the index, but its file is not on this machine
            parts[part].append((name, city.replace("_", " ").replace("/", ", "), zone))
    return {part: zones for part, zones in parts.items() if zones}
