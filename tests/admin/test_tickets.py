"""Staff read tickets and answer them."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from catalog.models import Service
from support import replies, tickets
from support.attachments import Upload
from support.models import Message, SavedReply, Ticket
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.dashboard.conftest import logged_in
from tests.fixtures import funded, place
from tests.support.tickets import PNG, Written, attached, opened

QUEUE = "/admin/support/ticket/"


def test_shows_the_conversation_and_marks_it_read(boss: Client, customer: User, followers: Service) -> None:
    order_id = place(funded(customer, "1"), followers)
    ticket = opened(customer, text="Where is it?", order_ids=[order_id], uploads=[Upload("shot.png", PNG)])

    page = boss.get(page_of(ticket)).content.decode()

    assert "Where is it?" in page
    assert "shot.png" in page
    assert f'href="{reverse("admin:orders_order_change", args=[order_id])}"' in page
    assert f'href="{page_of(customer)}"' in page
    assert f'action="{page_of_action(ticket, "answer")}"' in page
    ticket.refresh_from_db()
    assert not ticket.is_unread_by_staff


def test_answers_and_closes(boss: Client, staff: User, customer: User) -> None:
    ticket = opened(customer)

    response = boss.post(page_of_action(ticket, "answer"), {"text": "It is on its way."})

    assert (response.url, told(response)) == (page_of(ticket), "Answered.")
    ticket.refresh_from_db()
    message = ticket.last_message
    assert message is not None
    assert (message.text, message.author, message.is_staff, ticket.state) == (
        "It is on its way.",
        staff,
        True,
        "answered",
    )
    assert "It is on its way." in logged_in(customer).get(f"/support/{ticket.pk}/").text
    assert told(run_action(boss, ticket, "answer", text="Done.", closes="on")).endswith("Answered and closed.")
    ticket.refresh_from_db()
    assert ticket.state == "closed"


def test_refuses_an_empty_answer(boss: Client, customer: User) -> None:
    ticket = opened(customer)
    before = Written()

    assert "text: This field is required." in complaints(run_action(boss, ticket, "answer", text=" "))
    assert Written() == before


def test_closes_without_a_word(boss: Client, customer: User) -> None:
    ticket = opened(customer)

    assert told(run_action(boss, ticket, "close")) == "Closed."
    assert Message.objects.count() == 1
    assert page_of_action(ticket, "close") not in boss.get(page_of(ticket)).content.decode()


def test_who_may_only_look_changes_nothing(make_clerk: Callable[..., Client], customer: User) -> None:
    clerk = make_clerk("support.view_ticket")
    file = attached(customer)
    ticket = Ticket.objects.get()

    page = clerk.get(page_of(ticket)).content.decode()

    assert "A question" in page
    assert page_of_action(ticket, "answer") not in page
    assert clerk.post(page_of_action(ticket, "answer"), {"text": "x"}).status_code == 403
    assert clerk.post(page_of_action(ticket, "close"), {"confirmed": "on"}).status_code == 403
    assert clerk.get(reverse("admin:support_ticket_attachment", args=[file.pk])).status_code == 200
    ticket.refresh_from_db()
    assert (ticket.is_unread_by_staff, ticket.state) == (True, "open")


def test_files_are_saved_and_never_shown(boss: Client, customer: User) -> None:
    address = reverse("admin:support_ticket_attachment", args=[attached(customer, name="x.svg", content=b"<svg/>").pk])

    response = boss.get(address)

    assert response.content == b"<svg/>"
    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["Content-Disposition"] == 'attachment; filename="x.svg.txt"'
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert boss.get(address.replace("attachments/", "attachments/9")).status_code == 404


@pytest.mark.parametrize("who", ["owner", "other clerk", "visitor", "staff without second factor"])
def test_nobody_else_gets_files_here(who: str, make_clerk: Callable[..., Client], customer: User, staff: User) -> None:
    address = reverse("admin:support_ticket_attachment", args=[attached(customer).pk])
    client = {
        "owner": lambda: logged_in(customer),
        "other clerk": lambda: make_clerk("orders.view_order"),
        "visitor": Client,
        "staff without second factor": lambda: logged_in(staff),
    }[who]()

    response = client.get(address)

    assert response.status_code in (302, 403)
    assert PNG not in response.content


def test_puts_first_who_waits_longest(boss: Client, customer: User, staff: User) -> None:
    answered, first, second = (opened(customer, title=title) for title in ("a", "b", "c"))
    tickets.reply_as_staff(staff_id=staff.pk, ticket_id=answered.pk, text="x")

    assert list(boss.get(QUEUE).context["cl"].result_list) == [first, second, answered]
    tickets.reply_as_staff(staff_id=staff.pk, ticket_id=first.pk, text="x")
    assert list(boss.get(QUEUE, {"state__exact": "answered"}).context["cl"].result_list) == [first, answered]


def test_finds_by_id_order_and_user(boss: Client, customer: User, other_customer: User, followers: Service) -> None:
    order_id = place(funded(customer, "1"), followers)
    ticket, other = opened(customer, order_ids=[order_id]), opened(other_customer)

    for term in (ticket.pk, order_id, "customer"):
        page = boss.get(QUEUE, {"q": term}).content.decode()
        assert page_of(ticket) in page
        assert page_of(other) not in page


def test_answers_with_files(boss: Client, customer: User) -> None:
    ticket = opened(customer)
    files = [SimpleUploadedFile("proof.png", PNG), SimpleUploadedFile("log.txt", b"all good")]

    response = boss.post(page_of_action(ticket, "answer"), {"text": "See these.", "attachments": files})

    assert told(response) == "Answered."
    message = Message.objects.get(is_staff=True)
    assert sorted(message.attachments.values_list("name", "size")) == [("log.txt", 8), ("proof.png", len(PNG))]
    page = logged_in(customer).get(f"/support/{ticket.pk}/").text
    assert "proof.png" in page
    kept = message.attachments.get(name="log.txt")
    assert logged_in(customer).get(f"/support/files/{kept.pk}/").content == b"all good"


@pytest.mark.parametrize(
    "files",
    [[("x.exe", b"MZ\x90\x00")], [("x.png", b"<html>\x00")], [(f"{n}.txt", b"x") for n in range(6)], [("x.txt", b"")]],
)
def test_refuses_files_that_customers_could_not_send(
    boss: Client, customer: User, files: list[tuple[str, bytes]]
) -> None:
    ticket = opened(customer)
    before = Written()
    uploads = [SimpleUploadedFile(name, content) for name, content in files]

    response = boss.post(page_of_action(ticket, "answer"), {"text": "See these.", "attachments": uploads})

    assert response.context["form"].errors["attachments"]
    assert Written() == before


def test_saved_replies_are_filled_in(boss: Client, customer: User, followers: Service) -> None:
    order_id = place(funded(customer, "1"), followers)
    ticket = opened(customer, order_ids=[order_id])
    text = "Dear {username}, ticket {ticket}, orders {orders}; {balance} </script>"
    boss.post("/admin/support/savedreply/add/", {"title": "Late", "text": text, "position": 0})

    page = boss.get(page_of(ticket))

    filled = f"Dear customer, ticket {ticket.pk}, orders {order_id}; {{balance}} </script>"
    assert page.context["saved_replies"] == [{"title": "Late", "text": filled}]
    assert "; {balance} </script>" not in page.text
    assert "support/replies.js" in page.text


def test_a_name_that_is_a_placeholder_stays_a_name(customer: User) -> None:
    User.objects.filter(pk=customer.pk).update(username="{orders}")
    SavedReply.objects.create(title="Hi", text="Dear {username}")

    assert replies.list_replies(opened(User.objects.get(pk=customer.pk)))[0]["text"] == "Dear {orders}"


def test_saved_replies_need_their_permission(make_clerk: Callable[..., Client], customer: User) -> None:
    clerk = make_clerk("support.view_ticket")
    SavedReply.objects.create(title="Hi", text="Dear {username}")

    assert clerk.post("/admin/support/savedreply/add/", {"title": "x", "text": "x", "position": 0}).status_code == 403
    assert clerk.get(page_of(opened(customer))).context["saved_replies"] == []

    assert SavedReply.objects.count() == 1
