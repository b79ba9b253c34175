"""Staff write what mails say."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from content import defaults
from content.mail_kinds import KINDS
from content.models import MailText
from staff.models import AuditEntry
from tests.admin.browsing import page_of, told, with_second_factor
from tests.staff.conftest import member

LIST = "/admin/content/mailtext/"
GOOD = {"subject": "Confirm, {username}", "body": "Hello {name},\r\n\r\nopen {confirm_url} \r\n", "is_used": "on"}


def address(page: str, kind: str = "email_confirmation", language: str = "en") -> str:
    return f"{LIST}{page}/?kind={kind}&language={language}"


def save(client: Client, *, kind: str = "email_confirmation", language: str = "en", **changes: Any) -> MailText:
    response = client.post(address("add", kind, language), GOOD | changes)
    assert response.status_code == 302, response.context["adminform"].form.errors
    return MailText.objects.get(kind=kind, language=language)


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def test_lists_every_mail_in_every_language_saved_or_not(boss: Client) -> None:
    page = boss.get(LIST).text

    for kind in KINDS.values():
        assert kind.title in page
        for language in ("en", "es"):
            assert f"{address('add', kind.name, language)}".replace("&", "&amp;") in page
    assert page.count("The panel&#x27;s text") == 4 * len(KINDS)  # once to see, once to hear


def test_says_whose_words_a_mail_has(boss: Client) -> None:
    own = save(boss)
    draft = save(boss, kind="password_reset_key", language="es", body="{reset_url}", subject="S", is_used="")
    MailText.objects.create(kind="totp_activated", language="es", subject="S", body="{gone}")

    groups = boss.get(LIST).context["groups"]
    cells = {
        kind.name: [(cell.says.partition(",")[0], cell.url) for cell in row]
        for _, kinds in groups
        for kind, row in kinds
    }

    assert cells["email_confirmation"] == [
        ("Yours", page_of(own)),
        ("Your English text", address("add", language="es")),
    ]
    assert cells["password_reset_key"][1] == ("The panel's text", page_of(draft))
    assert cells["totp_activated"][1][0] == "Cannot be used"


@pytest.mark.parametrize("kind", KINDS)
def test_begins_with_the_panels_text_and_shows_it_as_a_mail(boss: Client, kind: str) -> None:
    response = boss.get(address("add", kind, "es"))
    form = response.context["adminform"].form
    text = defaults.read_default_mail(kind, language="es")

    assert (form["subject"].value(), form["body"].value()) == (text.title, text.body)
    assert response.context["letter"].subject.startswith("[Panel] ")
    for placeholder in KINDS[kind].placeholders:
        assert f"<code>{{{placeholder.name}}}</code>" in response.text
        assert placeholder.meaning.replace("'", "&#x27;") in response.text


def test_saves_a_text(boss: Client) -> None:
    text = save(boss)

    assert (text.subject, text.body, text.is_used) == (
        "Confirm, {username}",
        "Hello {name},\n\nopen {confirm_url}",
        True,
    )
    assert boss.get(address("add")).headers["Location"] == page_of(text)
    boss.post(page_of(text), GOOD | {"subject": "Again", "is_used": ""})
    text.refresh_from_db()
    assert (text.subject, text.is_used) == ("Again", False)


def test_says_who_else_reads_an_english_text(boss: Client) -> None:
    saved = boss.post(address("add"), GOOD)
    assert "Customers who read Español get this text, too" in told(saved)

    save(boss, language="es")
    boss.get(LIST)  # which shows what is to be said
    assert "too, until" not in told(boss.post(page_of(MailText.objects.get(language="en")), GOOD | {"subject": "X"}))


@pytest.mark.parametrize(
    ("change", "field", "complaint"),
    [
        (
            {"body": "{confirm_url} {password}"},
            "body",
            "{password} is no placeholder of this mail; these are: {site_name}",
        ),
        ({"body": "{confirm_url} {name.password}"}, "body", "{name.password} is no placeholder"),
        ({"body": "{confirm_url} {{ name }}"}, "body", "A brace stands alone."),
        ({"body": "Hello {name}"}, "body", "{confirm_url} is missing."),
        ({"subject": "{confirm_url}"}, "subject", "{confirm_url} has no place in a subject"),
        ({"subject": "Hi\nBcc: x@example.com"}, "subject", "It must be one line."),
        ({"subject": ""}, "subject", "required"),
        ({"body": " \r\n"}, "body", "required"),
        ({"subject": "x" * 121}, "subject", "at most 120"),
        ({"body": "{confirm_url}" + "x" * 10_000}, "body", "at most 10000"),
    ],
)
def test_refuses_what_could_not_be_sent(boss: Client, change: dict[str, str], field: str, complaint: str) -> None:
    entries = AuditEntry.objects.count()

    added = errors_of(boss.post(address("add"), GOOD | change))

    assert complaint in " ".join(added[field])
    assert not MailText.objects.exists()
    text = MailText.objects.create(kind="email_confirmation", language="en", subject="S", body="{confirm_url}")
    assert errors_of(boss.post(page_of(text), GOOD | change)) == added
    text.refresh_from_db()
    assert (text.subject, text.body) == ("S", "{confirm_url}")
    assert AuditEntry.objects.count() == entries


def test_of_two_who_save_the_same_mail_the_second_is_told(boss: Client) -> None:
    text = save(boss)

    answer = errors_of(boss.post(address("add"), GOOD | {"subject": "Second"}))

    assert "Somebody has saved this mail meanwhile" in str(answer)
    assert MailText.objects.get().subject == text.subject


@pytest.mark.parametrize("query", ["?kind=nothing&language=en", "?kind=low_balance&language=xx", "?kind=low_balance"])
@pytest.mark.parametrize("page", ["add", "show"])
def test_has_no_page_for_mails_that_are_not_sent(boss: Client, page: str, query: str) -> None:
    assert boss.get(f"{LIST}{page}/{query}").status_code == 404


def test_leads_to_the_list_who_does_not_say_which(boss: Client) -> None:
    assert boss.get(f"{LIST}add/").headers["Location"] == LIST


def test_a_text_of_a_mail_that_is_gone_can_only_be_deleted(boss: Client) -> None:
    text = MailText.objects.create(kind="gone", language="en", subject="S", body="B")

    assert boss.get(page_of(text)).headers["Location"] == page_of(text).replace("change", "delete")


def test_gives_a_mail_back_the_panels_text(boss: Client) -> None:
    text = save(boss)
    page = page_of(text).replace("change", "delete")
    assert page in boss.get(page_of(text)).text

    assert "Back to the panel&#x27;s text" in boss.get(page).text
    assert boss.post(page, {"post": "yes"}).status_code == 302

    assert not MailText.objects.exists()
    assert boss.get(address("add")).status_code == 200


def test_edits_are_in_the_staff_log(boss: Client, staff: User) -> None:
    text = save(boss)
    boss.post(page_of(text), GOOD | {"subject": "Again"})
    boss.post(page_of(text).replace("change", "delete"), {"post": "yes"})

    added, changed, deleted = AuditEntry.objects.order_by("seq")
    default = defaults.read_default_mail("email_confirmation", language="en")
    assert {entry.actor for entry in (added, changed, deleted)} == {staff}
    assert (added.operation, added.before["subject"]) == ("content.mailtext: add", default.title)
    assert (added.after["kind"], added.after["language"]) == ("email_confirmation", "en")
    assert (changed.operation, changed.before) == ("content.mailtext: change", {"subject": "Confirm, {username}"})
    assert changed.after == {"subject": "Again", "kind": "email_confirmation", "language": "en"}
    assert (deleted.operation, deleted.before["body"]) == ("content.mailtext: delete", text.body)


@pytest.mark.parametrize("kind", KINDS)
def test_the_preview_is_what_is_sent(boss: Client, kind: str) -> None:
    text = defaults.read_default_mail(kind, language="es")
    form = {"subject": f"{text.title} <b>", "body": f"{text.body}\r\n\r\n<i>&"}

    letter = boss.post(address("preview", kind, "es"), form).context["letter"]
    said = boss.post(address("test", kind, "es"), form)

    assert "Sent to staff@example.com" in said.text
    (sent,) = mail.outbox
    assert (sent.subject, sent.body, sent.to) == (*letter, ["staff@example.com"])
    assert "<i>&" in sent.body
    assert "{" not in sent.subject + sent.body
    assert not MailText.objects.exists()


def test_a_preview_is_text_and_no_page(boss: Client) -> None:
    form = {"subject": "<script>alert(1)</script>", "body": "{confirm_url}<img src=x onerror=alert(2)>"}

    for sent in (form, form | {"body": "{<script>alert(1)</script>}"}):
        answer = boss.post(address("preview"), sent).text
        assert "&lt;script&gt;" in answer
        assert "<script>" not in answer
        assert "<img" not in answer


def test_template_language_is_neither_run_nor_accepted(boss: Client) -> None:
    refused = boss.post(address("preview"), GOOD | {"body": "{confirm_url} {% now 'Y' %} {{ settings.SECRET_KEY }}"})

    assert refused.context["letter"] is None
    assert "{% now &#x27;Y&#x27; %} is no placeholder" in refused.text
    assert "A brace stands alone." in refused.text


def test_a_text_that_is_refused_is_not_sent_either(boss: Client) -> None:
    said = boss.post(address("test"), GOOD | {"body": "{nobody}"}).text

    assert "Not sent: " in said
    assert "{nobody} is no placeholder" in said
    assert mail.outbox == []


def test_says_that_the_mail_server_is_away(boss: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "tests.support.test_mails.Broken"

    assert "Not sent: " in boss.post(address("test"), GOOD).text


def test_says_that_there_is_no_address_to_send_to(boss: Client) -> None:
    User.objects.update(email="")

    assert "your own account has no mail address" in boss.post(address("test"), GOOD).text
    assert mail.outbox == []


@pytest.mark.parametrize("role", ["Owner", "Manager"])
def test_owners_and_managers_write(usd: Any, role: str) -> None:
    client = with_second_factor(member("somebody", role))

    assert save(client).subject == "Confirm, {username}"
    assert client.post(address("preview"), GOOD).status_code == 200


@pytest.mark.parametrize("role", ["Finance", "Support"])
def test_others_read(usd: Any, role: str) -> None:
    client = with_second_factor(member("somebody", role))
    text = MailText.objects.create(kind="email_confirmation", language="en", subject="S", body="{confirm_url}")

    assert address("show", language="es").replace("&", "&amp;") in client.get(LIST).text
    assert client.get(address("show")).context["letter"].subject == "[Panel] S"
    page = client.get(page_of(text))
    assert page.context["letter"].subject == "[Panel] S"
    assert "Send a test to me" not in page.text
    for refused in (
        client.get(address("add", "low_balance")),
        client.post(address("add", "low_balance"), GOOD),
        client.post(page_of(text), GOOD),
        client.post(page_of(text).replace("change", "delete"), {"post": "yes"}),
        client.post(address("preview"), GOOD),
        client.post(address("test"), GOOD),
        client.post(address("test", "low_balance"), GOOD),
    ):
        assert refused.status_code == 403
    assert mail.outbox == []
    text.refresh_from_db()
    assert (text.subject, MailText.objects.count()) == ("S", 1)


def test_nobody_else_sees_them(make_clerk: Callable[..., Client]) -> None:
    clerk = make_clerk("content.view_page")

    for page in (LIST, address("show"), address("add")):
        assert clerk.get(page).status_code == 403
    assert LIST not in clerk.get("/admin/").text


def test_nothing_is_sent_by_looking(boss: Client) -> None:
    assert boss.get(address("test")).status_code == 405
    assert boss.get(address("preview")).status_code == 405
    assert mail.outbox == []
