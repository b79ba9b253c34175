"""Every mail that customers get is really sent in the words that staff saved."""

import re
from decimal import Decimal
from pathlib import Path

import allauth
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts import notices as choices_of
from accounts.models import User
from content import defaults, mails
from content.mail_kinds import KINDS
from content.models import MailText
from dashboard import notice_mails
from orders.models import Notice, Order
from support import mails as support_mails
from support import tickets
from tests.fixtures import PASSWORD, funded, place, report
from tests.support.tickets import opened, ticket  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db

LINK = re.compile(r"https?://[^/\s]+(/\S+)")
NEW_PASSWORD = "another-long-1"
# What else allauth could send: the panel confirms by links, logs nobody in by a code and has no security keys.
NOT_SENT = {"email_confirm", "login_code", "password_reset_code", "webauthn_added", "webauthn_removed"}

AFTER_COMMIT = {"totp_activated", "recovery_codes_generated"}  # within the request, so a test needs real commits
SENT = [
    pytest.param(kind, marks=pytest.mark.django_db(transaction=True)) if kind in AFTER_COMMIT else kind
    for kind in KINDS
]


def write(kind, *, language="en", **changes):
    """Save a text that names all that this mail may name."""
    everything = "\n".join(f"{one.name}=({{{one.name}}})" for one in KINDS[kind].placeholders)
    fields = {"subject": f"Ours: {kind}", "body": f"Ours, in {language}.\n{everything}", **changes}
    return MailText.objects.create(kind=kind, language=language, **fields)


def log_in(user, *, path=None):
    client = Client()
    client.force_login(user)
    client.get("/account/profile/")
    if path is not None:
        client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def own(user):
    return EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)


def sign_up(**more):
    form = {"username": "fresh", "email": "fresh@example.com", "password1": PASSWORD, "password2": PASSWORD}
    Client().post("/account/signup/", form | more)


def link_in(letter):
    return next(path for path in LINK.findall(letter.body) if "/account/" in path).rstrip(")")


# --- What makes each mail go out -------------------------------------------------------------------------------------


def asks_to_confirm_another(customer):
    own(customer)
    log_in(customer, path="").post("/account/email/", {"email": "more@example.com", "action_add": ""})


def signs_up_again(customer, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    own(customer)
    sign_up(email=customer.email)


def resets(customer):
    own(customer)
    visitor = Client()
    visitor.post("/account/password/reset/", {"email": customer.email})
    form = visitor.get(link_in(mail.outbox[0]), follow=True)
    visitor.post(form.redirect_chain[-1][0], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})


def changes_password(customer):
    own(customer)
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    log_in(customer, path="").post("/account/password/change/", form)


def sets_password(customer):
    own(customer)
    customer.set_unusable_password()
    customer.save(update_fields=["password"])
    log_in(customer).post("/account/password/set/", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})


def changes_address(customer):
    own(customer)
    EmailAddress.objects.create(user=customer, email="second@example.com", verified=True)
    log_in(customer, path="").post("/account/email/", {"email": "second@example.com", "action_primary": ""})


def removes_address(customer):
    own(customer)
    EmailAddress.objects.create(user=customer, email="second@example.com", verified=True)
    log_in(customer, path="").post("/account/email/", {"email": "second@example.com", "action_remove": ""})


def turns_second_factor_on(customer):
    own(customer)
    client = log_in(customer, path="")
    secret = client.get("/account/2fa/totp/activate/").context["form"].secret
    code = totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))
    client.post("/account/2fa/totp/activate/", {"code": code})


def with_second_factor(customer):
    own(customer)
    client = log_in(customer, path="")
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(customer, secret)
    code = totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))
    client.post("/account/2fa/reauthenticate/", {"code": code})
    return client


def turns_second_factor_off(customer):
    with_second_factor(customer).post("/account/2fa/totp/deactivate/")


def makes_recovery_codes(customer):
    client = with_second_factor(customer)
    RecoveryCodes.activate(customer)
    client.post("/account/2fa/recovery-codes/generate/")


def notice(customer, kind, orders=()):
    own(customer)
    choices_of.change_choices(
        user_id=customer.pk, low_balance=True, low_balance_below=Decimal("2.5"), ended_orders=True
    )
    Notice.objects.create(
        customer=customer, kind=kind, order_ids=list(orders), order_count=len(orders), due_at=timezone.now()
    )
    mail.outbox.append(notice_mails.compose(Notice.objects.get()))


def runs_low(customer):
    notice(customer, "low_balance")


def loses_orders(customer, service, *, count):
    funded(customer, "100")
    ids = [place(customer, service) for _ in range(count)]
    for order_id in ids:
        report(order_id, "Partial", remains=400)
    Order.objects.update(finished_at="2026-07-01T22:30:00Z")
    notice(customer, "ended_orders", ids)


def is_answered(ticket, staff):  # noqa: F811 - the fixture
    support_mails.send_due()
    tickets.reply_as_staff(staff_id=staff.pk, ticket_id=ticket.pk, text="The answer")
    support_mails.send_due()


@pytest.fixture
def deeds(customer, settings, request):
    """By kind of mail: what somebody does so that it is sent."""
    settings.BASE_URL = "https://panel.example"

    def fixture(name):
        return request.getfixturevalue(name)

    return {
        "email_confirmation_signup": sign_up,
        "email_confirmation": lambda: asks_to_confirm_another(customer),
        "account_already_exists": lambda: signs_up_again(customer, settings),
        "password_reset_key": lambda: Client().post("/account/password/reset/", {"email": customer.email}),
        "unknown_account": lambda: Client().post("/account/password/reset/", {"email": "nobody@example.com"}),
        "password_reset": lambda: resets(customer),
        "password_changed": lambda: changes_password(customer),
        "password_set": lambda: sets_password(customer),
        "email_changed": lambda: changes_address(customer),
        "email_deleted": lambda: removes_address(customer),
        "totp_activated": lambda: turns_second_factor_on(customer),
        "totp_deactivated": lambda: turns_second_factor_off(customer),
        "recovery_codes_generated": lambda: makes_recovery_codes(customer),
        "low_balance": lambda: runs_low(customer),
        "ended_order": lambda: loses_orders(customer, fixture("followers"), count=1),
        "ended_orders": lambda: loses_orders(customer, fixture("followers"), count=2),
        "ticket_answer": lambda: is_answered(fixture("ticket"), fixture("staff")),
    }


@pytest.mark.parametrize("kind", SENT)
def test_each_mail_is_sent_in_the_operators_words(kind, deeds):
    write(kind)
    deeds[kind]()

    letter = mail.outbox[-1]
    assert letter.subject == f"[Panel] Ours: {kind}"
    assert letter.body.startswith("Ours, in en.\n")
    said = dict(re.findall(r"(\w+)=\(([^)]*)\)", letter.body))
    assert said.keys() == {placeholder.name for placeholder in KINDS[kind].placeholders}
    assert all(said.values()), said


@pytest.mark.parametrize("kind", SENT)
def test_each_mail_is_sent_in_the_panels_words_until_then(kind, deeds):
    deeds[kind]()

    text = defaults.read_default_mail(kind, language="en")
    assert re.fullmatch(f"\\[Panel\\] {as_pattern(text.title)}", mail.outbox[-1].subject)
    assert re.fullmatch(f"{as_pattern(text.body)}\n", mail.outbox[-1].body, re.DOTALL)


def as_pattern(text):
    return re.sub(r"\\{\w+\\}", ".+", re.escape(text))


def test_knows_every_mail_that_allauth_sends():
    folders = [Path(allauth.__file__).parent / "templates" / app / "email" for app in ("account", "mfa")]
    names = {path.name.removesuffix("_subject.txt") for folder in folders for path in folder.glob("*_subject.txt")}

    assert names - NOT_SENT <= set(KINDS)
    assert not NOT_SENT & set(KINDS)


def test_links_of_an_edited_confirmation_and_reset_work(customer):
    write("email_confirmation_signup", body="Welcome {name}! {confirm_url}")
    sign_up()
    Client().post(link_in(mail.outbox[0]))
    assert EmailAddress.objects.get(email="fresh@example.com").verified

    write("password_reset_key", body="{reset_url}")
    write("password_reset", body="Done, {username}.")
    mail.outbox.clear()
    resets(customer)

    assert [letter.body for letter in mail.outbox[1:]] == ["Done, customer.\n"]
    assert User.objects.get(pk=customer.pk).check_password(NEW_PASSWORD)


def test_an_edited_notice_still_turns_itself_off(deeds):
    write("low_balance", body="Low. {stop_url}")
    deeds["low_balance"]()

    headers = mail.outbox[0].extra_headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.outbox[0].body == f"Low. {headers['List-Unsubscribe'][1:-1]}\n"


@pytest.mark.parametrize("attack", ["Bob\nBcc: victim@example.com", "Bob\r\n\r\nPay here: https://evil.example"])
def test_names_and_titles_add_no_header_and_no_line(customer, staff, attack):
    User.objects.filter(pk=customer.pk).update(first_name=attack)
    write("ticket_answer", subject="{name}: {title}", body="{name}: {title}")
    is_answered(opened(customer, title=attack), staff)

    (letter,) = mail.outbox
    said = " ".join(attack.split())
    assert letter.subject == f"[Panel] {said}: {said}"
    assert letter.body == f"{said}: {said}\n"
    assert letter.recipients() == ["customer@example.com"]
    assert not {"Bcc", "Pay here"} & set(letter.message().keys())


# --- Whose words -----------------------------------------------------------------------------------------------------


def words(language):
    facts = {"site_domain": "x", "email": "x", "signup_url": "x"}
    return mails.write("unknown_account", language=language, facts=facts).body.partition("\n")[0]


PANELS = {"en": "Hello from Panel,", "es": "Te saluda Panel:"}


@pytest.mark.parametrize(("language", "line"), PANELS.items())
def test_the_panels_words_speak_the_customers_language(language, line):
    assert words(language) == line


@pytest.mark.parametrize("language", [None, "", "xx"])
def test_who_speaks_no_language_of_ours_reads_english(language):
    assert words(language) == PANELS["en"]


def test_own_english_words_count_before_a_translation_of_other_words():
    write("unknown_account", body="Mine")

    assert words("en") == words("es") == "Mine"
    write("unknown_account", language="es", body="Mío")
    assert (words("en"), words("es")) == ("Mine", "Mío")


def test_spanish_words_alone_are_for_spanish_readers():
    write("unknown_account", language="es", body="Mío")

    assert (words("en"), words("es")) == (PANELS["en"], "Mío")


def test_drafts_are_not_sent():
    write("unknown_account", body="Mine", is_used=False)

    assert words("en") == PANELS["en"]


@pytest.mark.parametrize(
    "broken",
    [
        {"body": "{gone} {signup_url}"},
        {"body": "{site_name.__class__}"},
        {"body": "{"},
        {"subject": "Two\nlines"},
        {"subject": "{signup_url}"},
    ],
)
def test_words_that_cannot_be_used_stop_no_mail(broken, caplog):
    write("unknown_account", **{"body": "Mine", **broken})  # past the form, as a hand in the database would

    assert words("en") == PANELS["en"]
    assert "unknown_account in en is passed over" in caplog.text


def test_a_mail_asks_once_for_its_words(django_assert_num_queries):
    write("unknown_account", body="Mine")

    with django_assert_num_queries(1):
        words("es")


@pytest.mark.parametrize("changes", [{"kind": "unknown_account", "language": "en"}, {"subject": ""}, {"body": ""}])
def test_the_database_keeps_one_text_each_and_none_that_is_empty(changes):
    write("unknown_account")

    with pytest.raises(IntegrityError), transaction.atomic():
        write(**{"kind": "low_balance", **changes})
    assert MailText.objects.count() == 1
