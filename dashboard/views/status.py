"""How the panel is doing, for everybody."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.charts import Chart, Series
from status import page
from status.models import Incident
from status.page import HourFigures, Level

MILLISECOND_US = 1000


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Show components, figures of the last day, and incidents."""
    found = page.read_status()
    names = _component_names()
    words, tones = _level_words(), {Level.OK: "success", Level.MAINTENANCE: "info", Level.MINOR: "warning"}
    sentences = {
        Level.OK: _("Everything works"),
        Level.MAINTENANCE: _("Planned work is going on"),
        Level.MINOR: _("Something is slower than usual, or partly away"),
        Level.MAJOR: _("Something does not work"),
    }
    return render(
        request,
        "dashboard/status.html",
        {
            "nav": "status",
            "status": found,
            "headline": sentences[found.level],
            "headline_tone": tones.get(found.level, "danger"),
            "components": [
                (names[key], words[level], tones.get(level, "danger")) for key, level in found.levels.items()
            ],
            "chart": _draw_times(found.hours) if found.day.calls else None,
            "open_incidents": [_shown(one, names, tones) for one in found.open_incidents],
            "past_incidents": [_shown(one, names, tones) for one in found.past_incidents],
        },
    )


def _component_names() -> dict[str, str]:
    component = Incident.Component
    return {
        component.API: _("API"),
        component.ORDERS: _("Delivery of orders"),
        component.PAYMENTS: _("Payments"),
        component.WEBSITE: _("Website"),
    }


def _level_words() -> dict[Level, str]:
    return {
        Level.OK: _("Works"),
        Level.MAINTENANCE: _("Planned work"),
        Level.MINOR: _("Slower or partly away"),
        Level.MAJOR: _("Away"),
    }


def _shown(incident: Incident, names: dict[str, str], tones: dict[Level, str]) -> dict[str, object]:
    level = Level[incident.severity.upper()]
    return {
        "incident": incident,
        "component": names[incident.component],
        "word": _level_words()[level],
        "tone": tones.get(level, "danger"),
    }


def _draw_times(hours: Sequence[HourFigures]) -> Chart:
    labels = [date_format(timezone.localtime(one.hour), "H:i") for one in hours]
    return Chart(
        labels,
        [
            Series(_("99 of 100 within, ms"), [_milliseconds(one.p99_us) for one in hours], kind="control"),
            Series(_("One half within, ms"), [_milliseconds(one.p50_us) for one in hours]),
        ],
    )


def _milliseconds(microseconds: int | None) -> int:
    return -(-(microseconds or 0) // MILLISECOND_US)
