"""Writing to support and reading its answers."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from support import queries, tickets
from support.attachments import ATTACHMENTS_MAX, Upload
from support.models import ATTACHMENT_MAX_BYTES, TEXT_MAX_CHARACTERS, Attachment, Message, Ticket
from tests.dashboard.test_layout import INLINE
from tests.fixtures import funded, place
from tests.support.tickets import FILES, PNG, Written, attached, opened

LIST = "/support/"
NEW = "/support/new/"
ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
FIELDS = {"subject": "other", "title": "Hello", "text": "A question"}


def page_of(ticket):
    return reverse("dashboard:ticket", args=[ticket.pk])


def file_of(attachment):
    return reverse("dashboard:attachment", args=[attachment.pk])


def upload(name="shot.png", content=PNG, content_type="image/png"):
    return SimpleUploadedFile(name, content, content_type=content_type)


def answer(ticket, staff, text="An answer", **changes):
    tickets.reply_as_staff(staff_id=staff.pk, ticket_id=ticket.pk, text=text, **changes)


@pytest.mark.usefixtures("customer")
def test_opens_a_ticket_with_orders_and_files(browser, customer, followers):
    order_id = place(funded(customer, "1"), followers)
    fields = FIELDS | {
        "subject": "order",
        "orders": f" #{order_id}, ",
        "attachments": [upload(), upload("a.log", b"x")],
    }

    response = browser.post(NEW, fields)

    ticket = Ticket.objects.get()
    assert response.url == page_of(ticket)
    page = browser.get(response.url).text
    assert "Your ticket is open" in page
    assert reverse("dashboard:order", args=[order_id]) in page
    assert "shot.png" in page
    assert "a.log" in page
    assert page.count("<h1") == 1
    assert not INLINE.search(page), INLINE.search(page)


def test_other_subjects_forget_orders(browser, customer, followers):
    order_id = place(funded(customer, "1"), followers)

    browser.post(NEW, FIELDS | {"subject": "payment", "orders": str(order_id)})

    assert not Ticket.objects.get().orders.exists()


def test_address_may_name_subject_and_orders(browser, db):
    form = browser.get(f"{NEW}?subject=api&orders=12").context["form"]
    assert (form["subject"].value(), form["orders"].value()) == ("api", "12")

    assert browser.get(f"{NEW}?subject=nonsense").context["form"]["subject"].value() == "order"


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"title": " "}, "title", "required"),
        ({"text": ""}, "text", "required"),
        ({"text": "x" * (TEXT_MAX_CHARACTERS + 1)}, "text", "at most"),
        ({"title": "x" * 121}, "title", "at most"),
        ({"title": "a\0b"}, "title", "Null"),
        ({"subject": ""}, "subject", "required"),
        ({"subject": "refund"}, "subject", "valid choice"),
        ({"subject": "order", "orders": "12, abc"}, "orders", "“abc” is not an order ID"),
        ({"subject": "order", "orders": "99999999999"}, "orders", "is not an order ID"),
        ({"subject": "order", "orders": "١٢"}, "orders", "is not an order ID"),
        ({"subject": "order", "orders": " ".join(map(str, range(1, 22)))}, "orders", "20 orders at most"),
        ({"subject": "order", "orders": "424242"}, "orders", "Order 424242 is not among your orders"),
        ({"attachments": upload(content=b"MZ\x90\0")}, "attachments", "“shot.png” cannot be attached"),
        ({"attachments": upload(content=b"")}, "attachments", "cannot be attached"),
        ({"attachments": upload(content=PNG + b"\0" * ATTACHMENT_MAX_BYTES)}, "attachments", "too large"),
        ({"attachments": [upload()] * (ATTACHMENTS_MAX + 1)}, "attachments", "5 files at most"),
        ({"attachments": upload("x.html", b"<script>\0", "text/html")}, "attachments", "cannot be attached"),
    ],
)
def test_says_beside_the_field_what_is_wrong(changes, field, says, browser, django_capture_on_commit_callbacks):
    before = Written()

    page = browser.post(NEW, FIELDS | changes)

    assert page.status_code == 200
    assert says in str(page.context["form"].errors[field])
    assert "A question" in page.text or "text" in changes
    assert Written() == before


def test_says_the_same_of_orders_of_others(browser, other_customer, followers):
    order_id = place(funded(other_customer, "1"), followers)
    before = Written()

    page = browser.post(NEW, FIELDS | {"subject": "order", "orders": str(order_id)})

    assert page.context["form"].errors["orders"] == [f"Order {order_id} is not among your orders."]
    assert Written() == before


def test_says_when_there_are_too_many(browser, customer, monkeypatch):
    monkeypatch.setattr(tickets, "OPEN_TICKETS_MAX", 0)
    assert "the most there can be" in browser.post(NEW, FIELDS).text
    monkeypatch.setattr(tickets, "MESSAGES_PER_HOUR", 0)

    assert "many messages within the hour" in browser.post(NEW, FIELDS).text
    assert not Ticket.objects.exists()


def test_line_ends_count_once(browser, db):
    browser.post(NEW, FIELDS | {"text": "a\r\n" * (TEXT_MAX_CHARACTERS // 2)})

    assert Message.objects.get().text == ("a\n" * (TEXT_MAX_CHARACTERS // 2)).strip()


def test_a_conversation(browser, customer, staff, ticket):
    answer(ticket, staff, "Look at https://panel.example/x and <b>retry</b>")
    page = browser.get(page_of(ticket)).text

    assert "Panel support" in page
    assert "staff" not in page.partition("<main")[2].replace("said-by-staff", "")  # not who it was
    assert '<a href="https://panel.example/x" rel="nofollow">' in page
    assert "&lt;b&gt;retry&lt;/b&gt;" in page
    assert page.index("A question") < page.index("Look at")

    response = browser.post(page_of(ticket), {"text": "Thanks", "attachments": upload()})

    assert response.url == page_of(ticket)
    page = browser.get(response.url).text
    assert "Thanks" in page
    assert "Waiting for support" in page
    assert Attachment.objects.get().message.text == "Thanks"


def test_a_refused_reply_keeps_what_was_written(browser, ticket):
    before = Written()

    page = browser.post(page_of(ticket), {"text": "Long story", "attachments": upload(content=b"PK\x03\x04")})

    assert "Long story" in page.text
    assert "cannot be attached" in page.text
    assert Written() == before
    assert browser.post(page_of(ticket), {}).context["form"].errors["text"]


def test_closes_and_opens_again(browser, ticket):
    close = reverse("dashboard:close_ticket", args=[ticket.pk])
    assert browser.get(close).status_code == 405
    assert browser.post(close).url == page_of(ticket)
    page = browser.get(page_of(ticket)).text
    assert "Closed" in page
    assert "Open it again" in page
    assert close not in page

    browser.post(page_of(ticket), {"text": "Still broken"})

    assert Ticket.objects.get().state == "open"


def test_unread_answers_are_counted_in_the_navigation(browser, other_browser, staff, ticket):
    def sign(client, path="/orders/"):
        return 'class="count ml-auto">1<' in client.get(path).text

    assert not sign(browser)
    answer(ticket, staff)

    assert sign(browser)
    assert "New answer" in browser.get(LIST).text
    assert not sign(other_browser)
    assert not sign(browser, page_of(ticket))  # reading it takes the sign away on the same page
    assert not sign(browser)
    assert "New answer" not in browser.get(LIST).text


def test_the_sign_mends_itself(browser, customer, ticket):
    User.objects.filter(pk=customer.pk).update(unread_tickets=7)

    assert 'class="count' not in browser.get(LIST).text
    customer.refresh_from_db()
    assert customer.unread_tickets == 0


def test_suspended_customers_may_object(browser, suspend):
    suspend()

    assert browser.post(NEW, FIELDS).status_code == 302
    assert browser.post(page_of(Ticket.objects.get()), {"text": "Why?"}).status_code == 302


@pytest.mark.parametrize("content_type", FILES)
def test_files_are_saved_and_never_shown(content_type, browser, customer):
    file = attached(customer, name="año.html", content=FILES[content_type])

    response = browser.get(file_of(file))

    assert response.content == FILES[content_type]
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''a%C3%B1o.html.")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["Cache-Control"] == "private, no-store"


def test_others_find_nothing(customer, other_browser, staff_browser, ticket):
    file = attached(customer)
    before = Written()

    for client in (other_browser, staff_browser):  # staff have the admin, behind their second factor
        assert client.get(page_of(ticket)).status_code == 404
        assert client.post(page_of(ticket), {"text": "x"}).status_code == 404
        assert client.post(reverse("dashboard:close_ticket", args=[ticket.pk])).status_code == 404
        assert client.get(file_of(file)).status_code == 404
        assert "Hello" not in client.get(LIST).text
        assert client.get(page_of(ticket)).content == client.get(
            reverse("dashboard:ticket", args=[999_999])
        ).content.replace(b"999999", str(ticket.pk).encode())
    assert Written() == before


def test_visitors_are_asked_to_log_in(customer, ticket):
    for path in (page_of(ticket), file_of(attached(customer)), NEW):
        assert Client().get(path).url.startswith(reverse("account_login"))


def test_hostile_text_stays_text(browser, customer, staff):
    ticket = opened(customer, title=ATTACK, text=ATTACK, uploads=[Upload(ATTACK, PNG)])
    answer(ticket, staff, ATTACK + " https://x.example/" + ATTACK)

    for path in (LIST, page_of(ticket)):
        text = browser.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_lists_in_fixed_queries_and_pages_by_key(browser, customer, staff, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(queries.list_tickets, "__kwdefaults__", {"before": None, "state": "", "limit": 2})
    all_of_them = [opened(customer, title=f"Number {n}.") for n in range(3)]
    answer(all_of_them[0], staff)

    with django_assert_num_queries(5):  # session, user, tickets, the sign's check, buyer
        first = browser.get(LIST)
    second = browser.get(LIST, {"before": first.context["page"].next_key})

    assert [ticket.title for ticket in first.context["page"].rows] == ["Number 0.", "Number 2."]
    assert [ticket.title for ticket in second.context["page"].rows] == ["Number 1."]
    assert "Newest" in second.text
    assert [t.pk for t in browser.get(LIST, {"state": "answered"}).context["page"].rows] == [all_of_them[0].pk]
    assert "No ticket is in this state" in browser.get(LIST, {"state": "closed"}).text


def test_a_conversation_takes_fixed_queries(browser, customer, ticket, django_assert_num_queries):
    for number in range(5):
        tickets.reply(
            customer_id=customer.pk, ticket_id=ticket.pk, text=str(number), uploads=[Upload("a.png", PNG)] * 2
        )

    with django_assert_num_queries(7):  # session, user, ticket, orders, messages, files, buyer
        browser.get(page_of(ticket))


@pytest.mark.parametrize("query", ["before=x", "before=-1", "before=0", "before=" + "9" * 40, "state=x", "state='"])
def test_takes_any_page_address(query, browser, ticket):
    assert browser.get(f"{LIST}?{query}").status_code == 200
    assert browser.get(f"{page_of(ticket)}?{query}").status_code == 200


def test_says_what_to_do_when_there_are_none(browser):
    page = browser.get(LIST).text

    assert "No tickets yet" in page
    assert f'href="{NEW}"' in page
