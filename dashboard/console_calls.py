"""The calls that the console can send, from the API's published tables of parameters."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api_v2.examples import CALLS, TYPE_GUIDES, Parameter
from api_v2.models import RecordedCall
from api_v2.redaction import MASK
from catalog.types import LINE_PARAMETERS

# By the slug of the call's published example.
LABELS: dict[str, str | Promise] = {
    "services": _("Service list"),
    "add": _("Add order"),
    "status": _("Status of an order"),
    "status-many": _("Status of many orders"),
    "cancel": _("Cancel orders"),
    "refill": _("Refill an order"),
    "refill-many": _("Refill many orders"),
    "refill_status": _("Status of a refill"),
    "refill_status-many": _("Status of many refills"),
    "balance": _("Balance"),
}
# What is asked before a call that cannot be taken back.
QUESTIONS: dict[str, str | Promise] = {
    "add": _("This places a real order and takes its charge from your balance."),
    "cancel": _("This asks for these orders to be canceled. It cannot be taken back."),
}
BY_DEFAULT = "balance"  # changes nothing, and shows at once that the key works
_NOT_TYPED = frozenset({"key", "action"})


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter to type in."""

    name: str
    is_required: bool
    is_number: bool
    has_lines: bool
    example: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class ConsoleCall:
    """One entry of the console's list of calls."""

    slug: str
    label: str
    service_type: str
    action: str
    fields: tuple[Field, ...]
    question: str


def list_console_calls() -> list[ConsoleCall]:
    """List all calls, `add` once for each type of service that takes other parameters than the plain one."""
    listed = []
    for call in CALLS:
        listed.append(_console_call(call.example.slug, "", call.parameters, call.example.params))
        if call.action == "add":
            listed += [
                _console_call(guide.example.slug, guide.name, guide.parameters, guide.example.params)
                for guide in TYPE_GUIDES
                if guide.name != "Default"
            ]
    return listed


def _console_call(
    slug: str, service_type: str, parameters: tuple[Parameter, ...], example: Mapping[str, str]
) -> ConsoleCall:
    action = example["action"]
    return ConsoleCall(
        slug=slug,
        label=str(LABELS[action if service_type else slug]),
        service_type=service_type,
        action=action,
        fields=tuple(
            Field(
                name=parameter.name,
                is_required=parameter.required,
                is_number=parameter.kind == "number",
                has_lines=parameter.name in LINE_PARAMETERS,
                example=example.get(parameter.name, ""),
            )
            for parameter in parameters
            if parameter.name not in _NOT_TYPED
        ),
        question=str(QUESTIONS.get(action, "")),
    )


def match(call: RecordedCall) -> tuple[str, dict[str, str]]:
    """Return the slug that fits a recorded call best, and its parameters that were kept whole.

    :returns: the default's slug for a call whose action the API does not know.
    """
    values = {name: text for name, text, length in call.sent if len(text) == length and MASK not in text}
    sent = {name for name, _text, _length in call.sent}
    fitting = [console_call for console_call in list_console_calls() if console_call.action == call.action]
    if not fitting:
        return BY_DEFAULT, values

    def misfit(console_call: ConsoleCall) -> int:
        names = {field.name for field in console_call.fields}
        required = {field.name for field in console_call.fields if field.is_required}
        return len(sent - names - _NOT_TYPED) + len(required - sent)

    return min(fitting, key=misfit).slug, values
