"""What a browser calls itself, in plain words."""

import re
from typing import NamedTuple

from django.utils.translation import gettext as _

# The first that matches: Edge and Opera also say Chrome, Chrome also says Safari, and everything says Mozilla.
BROWSERS = (
    ("Edg", "Edge"), ("OPR|Opera", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("YaBrowser", "Yandex Browser"),
    ("Vivaldi", "Vivaldi"), ("Firefox|FxiOS", "Firefox"), ("Chromium", "Chromium"), ("Chrome|CriOS", "Chrome"),
    ("Safari", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone|iPod", "iPhone", True), ("iPad", "iPad", True), ("Android", "Android", True), ("CrOS", "ChromeOS", False),
    ("Windows", "Windows", False), ("Mac OS X|Macintosh", "macOS", False), ("Linux|X11", "Linux", False),
)  # fmt: skip
_PROGRAM = re.compile(r"([A-Za-z][\w.-]{0,29})(?:/|$)")  # curl/8.5, python-requests/2.32


class Device(NamedTuple):
    """Where somebody is logged in, for a list of sessions."""

    name: str
    is_mobile: bool


def describe_device(user_agent: str) -> Device:
    """Name a browser and its system; what is neither is named by its own first word."""
    browser = next((name for signs, name in BROWSERS if re.search(signs, user_agent)), None)
    system, is_mobile = next(
        ((name, mobile) for signs, name, mobile in SYSTEMS if re.search(signs, user_agent)), (None, False)
    )
    if browser and system:
        return Device(_("%(browser)s on %(system)s") % {"browser": browser, "system": system}, is_mobile)
    if known := browser or system:
        return Device(known, is_mobile)
    program = _PROGRAM.match(user_agent)
    return Device(program[1] if program else _("Unknown browser"), False)
