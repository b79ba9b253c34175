"""The texts of all mails that customers get: written, looked at, tried, and given back."""

from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST, require_safe

from content import defaults, letters, queries
from content.letters import Letter
from content.mail_form import LANGUAGES, MailTextForm, Which
from content.mail_kinds import GROUPS, KINDS
from content.models import MailText
from panel.admin_pages import PanelAdmin


class Cell(NamedTuple):
    """Whose words a mail has in one language."""

    says: str
    state: str  # how it is coloured
    url: str
    language: str


@admin.register(MailText)
class MailTextAdmin(PanelAdmin):
    """All mails, each with the panel's text until staff save another."""

    form = MailTextForm
    fields = ("subject", "body", "is_used")
    compressed_fields = False  # labels above: the text needs the width
    delete_confirmation_template = "admin/mail_text_back.html"
    change_form_template = "admin/mail_text.html"

    class Media:
        css = {"all": ["content/mail_texts.css"]}
        js = ("content/mail_texts.js",)

    def get_urls(self) -> list[URLPattern]:
        """Add what is done with a text before it is saved, and a page to read those that are not."""
        wrap = self.admin_site.admin_view
        return [
            path("show/", wrap(require_safe(self.show)), name="content_mailtext_show"),
            path("preview/", wrap(require_POST(self.preview)), name="content_mailtext_preview"),
            path("test/", wrap(require_POST(self.send_test)), name="content_mailtext_test"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """List every mail with whose words it has, saved or not."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        saved = {(text.kind, text.language): text for text in MailText.objects.all()}
        groups = [
            (title, [(kind, [self._cell(request, Which(kind, code), saved) for code in LANGUAGES]) for kind in kinds])
            for title, kinds in GROUPS
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Mail texts",
            "languages": LANGUAGES.values(),
            "groups": groups,
        }
        return TemplateResponse(request, "admin/mail_texts.html", context)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Begin with the panel's text: `add/?kind=low_balance&language=en`."""
        if "kind" not in request.GET:
            return redirect("admin:content_mailtext_changelist")
        which = _read_which(request)
        saved = self._saved(which)
        if saved is not None and request.method == "GET":
            return redirect("admin:content_mailtext_change", saved.pk)
        return super().add_view(request, form_url, {"title": which.title, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Change a saved text; one of a mail that this panel does not send (any more) can only be deleted."""
        text = self.get_object(request, object_id)
        if text is not None and text.kind not in KINDS:
            return redirect("admin:content_mailtext_delete", text.pk)
        title = Which(KINDS[text.kind], text.language).title if text is not None else None
        return super().change_view(request, object_id, form_url, {"title": title, **(extra_context or {})})

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Give a mail back the panel's text."""
        context = {
            "title": "Back to the panel's text",
            "english_code": settings.LANGUAGE_CODE,
            "back_url": reverse("admin:content_mailtext_changelist"),
        }
        return super().delete_view(request, object_id, {**context, **(extra_context or {})})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the text that came with the panel."""
        which = _read_which(request)
        default = defaults.read_default_mail(which.kind.name, language=which.language)
        return {"subject": default.title, "body": default.body} if default is not None else {}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Make a form that knows which mail it is about."""
        form = super().get_form(request, obj, change=change, **options)
        form.which = Which(KINDS[obj.kind], obj.language) if obj is not None else _read_which(request)
        return form

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Keep for the log which mail it is, and what a first text replaces."""
        message = super().construct_change_message(request, form, formsets, add)
        before, after = vars(request)["audited_changes"]
        if add:
            default = self.get_changeform_initial_data(request)
            before |= {name: default.get(name, "") for name in before if name in ("subject", "body")}
        after |= {"kind": form.instance.kind, "language": form.instance.language}
        return message

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and say who else reads it."""
        super().save_model(request, obj, form, change)
        others = [
            name
            for code, name in LANGUAGES.items()
            if obj.language == settings.LANGUAGE_CODE != code and self._saved(Which(KINDS[obj.kind], code)) is None
        ]
        if others and obj.is_used:
            self.message_user(
                request,
                f"Customers who read {' or '.join(others)} get this text, too, until there is one in their language.",
                messages.INFO,
            )

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """Add what the mail may name, and how it would look."""
        form, saved = context["adminform"].form, context.get("original")
        may_write = "subject" in form.fields  # others get a form without fields
        subject, body = (form[name].value() if may_write else getattr(saved, name) for name in ("subject", "body"))
        context |= _describe(form.which, subject=str(subject or ""), body=str(body or ""))
        context |= {
            "may_write": may_write,
            "show_save_and_add_another": False,
            "show_delete": False,  # its button has other words
            "may_give_back": saved is not None and self.has_delete_permission(request, saved),
            "back_url": saved and reverse("admin:content_mailtext_delete", args=[saved.pk]),
        }
        return super().render_change_form(request, context, *args, **options)

    def show(self, request: HttpRequest) -> HttpResponse:
        """Show the text that a mail has, to whoever may see but not write it."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        which = _read_which(request)
        text = queries.list_mail_texts(which.kind.name, language=which.language)[0]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": which.title,
            **_describe(which._replace(language=text.language), subject=text.subject, body=text.body),
        }
        return TemplateResponse(request, "admin/mail_text_shown.html", context)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Show how the text in the form would look as a mail; nothing is saved."""
        form, which = self._read_form(request)
        letter = _try(which, form.cleaned_data) if form.is_valid() else None
        return TemplateResponse(request, "admin/mail_letter.html", {"letter": letter, "faults": _faults_of(form)})

    def send_test(self, request: HttpRequest) -> HttpResponse:
        """Send the text in the form to whoever writes it; nothing is saved."""
        form, which = self._read_form(request)
        address = getattr(request.user, "email", "")
        said, is_sent = "", False
        if not form.is_valid():
            said = "Not sent: " + " ".join(_faults_of(form))
        elif not address:
            said = "Not sent: your own account has no mail address."
        else:
            letter = _try(which, form.cleaned_data)
            try:
                EmailMessage(letter.subject, letter.body, to=[address]).send()
            except OSError as error:  # every failure of smtplib is one
                said = f"Not sent: {error}"
            else:
                said, is_sent = f"Sent to {address}, as the text is here. Nothing was saved.", True
        return TemplateResponse(request, "admin/mail_test_said.html", {"said": said, "is_sent": is_sent})

    def _read_form(self, request: HttpRequest) -> tuple[Any, Which]:
        which = _read_which(request)
        saved = self._saved(which)
        may = self.has_add_permission(request) if saved is None else self.has_change_permission(request, saved)
        if not may:
            raise PermissionDenied
        return self.get_form(request, saved, change=saved is not None)(request.POST, instance=saved), which

    def _saved(self, which: Which) -> MailText | None:
        return MailText.objects.filter(kind=which.kind.name, language=which.language).first()

    def _cell(self, request: HttpRequest, which: Which, saved: dict[tuple[str, str], MailText]) -> Cell:
        text = saved.get((which.kind.name, which.language))
        english = saved.get((which.kind.name, settings.LANGUAGE_CODE))
        says, state = "The panel's text", "default"
        if text is not None and text.is_used and not _is_usable(which, text):
            says, state = "Cannot be used", "faulty"
        elif text is not None and text.is_used:
            says, state = f"Yours, {text.updated_at:%d %b %Y}", "own"
        elif english is not None and english.is_used and _is_usable(which, english):
            says, state = f"Your {LANGUAGES[settings.LANGUAGE_CODE]} text", "other"
        if text is not None and not text.is_used:
            says = f"{says}, and a draft"
        if text is not None:
            url = reverse("admin:content_mailtext_change", args=[text.pk])
        else:
            page = "add" if self.has_add_permission(request) else "show"
            url = f"{reverse(f'admin:content_mailtext_{page}')}?{which.query}"
        return Cell(says, state, url, LANGUAGES[which.language])


def _read_which(request: HttpRequest) -> Which:
    kind, language = KINDS.get(request.GET.get("kind", "")), request.GET.get("language", "")
    if kind is None or language not in LANGUAGES:
        raise Http404
    return Which(kind, language)


def _is_usable(which: Which, text: MailText) -> bool:
    return not any(letters.list_faults(which.kind, subject=text.subject, body=text.body))


def _describe(which: Which, *, subject: str, body: str) -> dict[str, Any]:
    faults = [fault for _field, fault in letters.list_faults(which.kind, subject=subject, body=body)]
    return {
        "which": which,
        "language_name": LANGUAGES[which.language],
        "letter": None if faults else _try(which, {"subject": subject, "body": body}),
        "faults": faults,
    }


def _try(which: Which, data: dict[str, Any]) -> Letter:
    return letters.fill_with_samples(which.kind, subject=data["subject"], body=data["body"], language=which.language)


def _faults_of(form: forms.ModelForm) -> list[str]:
    return [
        f"{form.fields[field].label}: {fault}" if field in form.fields else str(fault)
        for field, faults in form.errors.items()
        for fault in faults
    ]
