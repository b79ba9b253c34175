"""The form in which staff write the words of a mail."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminTextareaWidget

from content import letters
from content.mail_kinds import Kind
from content.models import MAIL_MAX_CHARACTERS, MailText

LANGUAGES = dict(settings.LANGUAGES)


class Which(NamedTuple):
    """A mail in one language, which has a text whether or not one is saved."""

    kind: Kind
    language: str

    @property
    def query(self) -> str:
        """Write it for an address."""
        return urlencode({"kind": self.kind.name, "language": self.language})

    @property
    def title(self) -> str:
        """Name it for people."""
        return f"{self.kind.title} ({LANGUAGES[self.language]})"


class LinesField(forms.CharField):
    """A text of lines as mails have them: what a browser puts at their ends is no change."""

    def to_python(self, value: Any) -> str:
        """Return the lines without what nobody sees."""
        return "\n".join(line.rstrip() for line in (super().to_python(value) or "").splitlines())


class MailTextForm(forms.ModelForm):
    """The words of one mail; which one it is, the address of the page says."""

    which: Which  # set by the page
    body = LinesField(
        label="Text",
        max_length=MAIL_MAX_CHARACTERS,
        help_text="Plain text. Where the panel does not know its own address (BASE_URL), a paragraph with a link is "
        "left out, or the panel says instead where to find it.",
        widget=UnfoldAdminTextareaWidget({"rows": 20}),
    )

    class Meta:
        model = MailText
        fields = ("subject", "body", "is_used")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.instance.kind, self.instance.language = self.which.kind.name, self.which.language

    def clean(self) -> dict[str, Any]:
        """Refuse what could not be sent."""
        data: dict[str, Any] = super().clean() or {}
        if data.keys() >= {"subject", "body"}:
            for field, fault in letters.list_faults(self.which.kind, subject=data["subject"], body=data["body"]):
                self.add_error(field, fault)
        # Somebody else may have saved the same mail since this page was opened.
        self.instance.validate_constraints(exclude={"subject", "body"})
        return data
