"""What is remembered of calls for their customer: which, how much of them, and never a key."""

import logging
import threading
from datetime import timedelta
from urllib.parse import quote

import orjson
import pytest
from django.core import serializers
from django.db import connection
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, User
from api_v2 import pruning, recording, tasks
from api_v2.models import ANSWER_MAX_CHARACTERS, CallCount, Outcome, RecordedCall
from tests.fixtures import LINK, call_api, funded, key_of, place, post_api

pytestmark = pytest.mark.django_db


def recorded():
    """Write what was remembered and return the last call."""
    recording.recorder.write()
    return RecordedCall.objects.first()


def test_records_a_call_as_it_was_sent_and_answered(customer):
    post_api({"key": key_of(customer), "action": "balance"}, REMOTE_ADDR="203.0.113.7")

    call = recorded()

    assert call.customer == customer
    assert call.key == ApiKey.objects.get()
    assert (call.method, call.action, call.status, call.outcome) == ("POST", "balance", 200, Outcome.OK)
    assert call.sent == [["key", "••••••••", 32], ["action", "balance", 7]]
    assert call.answer == '{"balance":"0.00000","currency":"USD"}'
    assert call.answer_bytes == len(call.answer)
    assert call.ip == "203.0.113.7"
    assert 0 < call.latency_us < 10_000_000
    assert timezone.now() - call.at < timedelta(minutes=1)


def test_keeps_links_as_text(customer, followers):
    funded(customer, "10")
    place(customer, followers, link="https://example.com/?a=<b>&c=ü")

    assert ["link", "https://example.com/?a=<b>&c=ü", 30] in recorded().sent


def test_counts_every_call_exactly_and_keeps_the_newest(customer):
    for _ in range(recording.NEWEST_KEPT + 5):
        call_api(customer, action="balance")
    for _ in range(recording.REFUSALS_KEPT + 5):
        call_api(customer, action="status", order=1)
    recording.recorder.write()
    call_api(customer, action="balance")
    recording.recorder.write()

    assert RecordedCall.objects.filter(outcome=Outcome.OK).count() == recording.NEWEST_KEPT + 1
    assert RecordedCall.objects.filter(outcome=Outcome.REFUSED).count() == recording.REFUSALS_KEPT
    counts = {(count.action, count.outcome): count for count in CallCount.objects.all()}
    assert {key: count.calls for key, count in counts.items()} == {
        ("balance", "ok"): recording.NEWEST_KEPT + 6,
        ("status", "refused"): recording.REFUSALS_KEPT + 5,
    }
    balance = counts["balance", "ok"]
    assert balance.hour.minute == balance.hour.second == 0
    assert 0 < balance.max_us <= balance.total_us


def test_a_memory_that_is_full_still_counts(customer, monkeypatch):
    monkeypatch.setattr(recording, "PENDING_MAX", 2)
    for _ in range(3):
        call_api(customer, action="balance")
    recording.recorder.write()

    assert RecordedCall.objects.count() == 2
    assert CallCount.objects.get().calls == 3


@pytest.mark.parametrize(
    ("params", "error", "facts"),
    [
        ({"action": "dance"}, "Incorrect request", {"detail": "'action' must be one of "}),
        ({"action": "status", "order": 7}, "Incorrect order ID", {}),
        (
            {"action": "add", "service": 1042, "link": LINK, "quantity": 49},
            "Quantity is too low",
            {"quantity": 49, "minimum": 50},
        ),
    ],
)
def test_says_what_a_refusal_was_about(params, error, facts, customer, followers):
    call_api(customer, **params)

    call = recorded()

    assert call.outcome == Outcome.REFUSED
    assert orjson.loads(call.answer)["error"] == error
    assert call.facts.keys() == facts.keys()
    assert all(str(call.facts[name]).startswith(str(facts[name])) for name in facts)


def test_numbers_may_be_larger_than_computers_have_them(customer, followers):
    call_api(customer, action="add", service=1042, link=LINK, quantity="9" * 30)

    call = recorded()

    assert ["quantity", "9" * 30, 30] in call.sent
    assert recording.recorder.dropped == 0


def test_records_what_a_suspended_customer_tried(customer):
    key = key_of(customer)
    User.objects.update(is_suspended=True)
    post_api({"key": key, "action": "balance"})

    assert recorded().answer == '{"error":"Account suspended"}'


def test_a_batch_is_no_refusal_whatever_its_labels(customer):
    call_api(customer, action="status", orders="error,1")

    assert recorded().outcome == Outcome.OK


def test_records_a_crash(customer, monkeypatch, caplog):
    key = key_of(customer)
    connection.cursor().execute("ALTER TABLE orders_order RENAME TO gone")
    assert Client(raise_request_exception=False).post("/api/v2", {"key": key, "action": "balance"}).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before")
        crashed = post_api({"key": key, "action": "status", "order": "1"})
        cursor.execute("ROLLBACK TO before")

    assert crashed.status_code == 500
    assert (recorded().outcome, recorded().status) == (Outcome.FAILED, 500)


def test_forgets_unknown_keys(customer):
    key = key_of(customer)
    post_api({"key": "0" * 32, "action": "balance"})
    post_api({"action": "balance"})
    Client().get("/api/v2")
    api_keys.revoke_api_key(user=customer, key_id=ApiKey.objects.get().pk)
    post_api({"key": key, "action": "balance"})

    assert recorded() is None
    assert not CallCount.objects.exists()


def test_cuts_what_is_long(customer):
    call_api(customer, action="status", order="z" * 3000, **{f"p{number}": number for number in range(50)})

    call = recorded()

    assert ["order", "z" * recording.VALUE_MAX_CHARACTERS, 3000] in call.sent
    assert len(call.sent) == recording.PARAMETERS_MAX
    assert call.parameters == 53

    call_api(customer, action="status", orders=",".join(map(str, range(100_000_000, 100_000_100))))
    call = recorded()
    assert len(call.sent[2][1]) == recording.VALUE_MAX_CHARACTERS
    assert len(call.answer) == ANSWER_MAX_CHARACTERS <= call.answer_bytes


# --- No key, ever --------------------------------------------------------------------------------


def test_never_stores_a_key_in_any_form(customer, settings, caplog):
    """The canary: wherever a program puts its key, no row and no log line holds it."""
    settings.API_V2_ALLOW_GET = True
    canary = key_of(customer)
    another = api_keys.issue_api_key(user=customer, name="Another")
    forms = {
        canary,
        canary.upper(),
        another,
        f"{canary[:8]}-{canary[8:16]}-{canary[16:]}",
        " ".join(canary),
        quote(canary).replace(canary[0], f"%{ord(canary[0]):02x}"),
        "".join(f"%{ord(letter):02X}" for letter in canary),
        f"https://shop.example/?key={canary}&x=1",
        canary[:31],
        canary[3:28],
        "x" * (recording.VALUE_MAX_CHARACTERS - 10) + canary,
        canary * 4 + "x" * recording.VALUE_MAX_CHARACTERS + canary,
    }
    clean = {"action": "balance"}
    post_api({**clean, "key": canary})
    post_api({**clean, "key": f" {canary} "})
    post_api({**clean, "key[]": canary})
    post_api(clean, headers={"X-Api-Key": canary, "User-Agent": canary, "Referer": canary})
    post_api(clean, headers={"Authorization": f"Bearer {canary}"})
    post_api({"key": canary, "action": "balance"}, content_type="application/json")
    Client().get("/api/v2", {**clean, "key": canary})
    for form in forms:
        post_api({"key": canary, "action": form})
        post_api({"key": canary, "action": "status", "order": form, "orders": form, "note": form, form: "x"})
        post_api({"key": canary, "action": "cancel", "orders": f"1,{form},2", "garbage[deep][list]": form})
        post_api(
            {"key": canary, "action": "cancel", "orders": [1, form], "list": [form, form]},
            content_type="application/json",
        )
        recording.recorder.write()

    assert (
        RecordedCall.objects.count() == CallCount.objects.aggregate(calls=Sum("calls"))["calls"] == 7 + 4 * len(forms)
    )
    stored = serializers.serialize("json", [*RecordedCall.objects.all(), *CallCount.objects.all()], ensure_ascii=False)
    squeezed = "".join(letter for letter in stored.lower() if letter.isalnum())
    for key in (canary, another):
        for start in range(len(key) - 22):
            assert key[start : start + 22] not in squeezed
            assert "".join(f"%{ord(letter):02x}" for letter in key[start : start + 8]) not in stored.lower()
    assert canary not in caplog.text
    assert canary not in repr(vars(recording.recorder))


# --- What is written when there is more than one write takes -----------------------------------------


def test_a_write_takes_the_newest_of_each_key(customer, other_customer):
    for order in range(1, 6):
        call_api(customer, action="status", orders=order)
    call_api(other_customer, action="balance")

    recording.recorder.write(rows_max=4)

    orders = [{name: value for name, value, _ in call.sent}.get("orders") for call in of_customer(customer)]
    assert orders == ["5", "4"]  # half of four; the older ones are dropped
    assert len(of_customer(other_customer)) == 1
    assert recording.recorder._pending == 0


def test_a_key_that_calls_seldom_waits_for_its_turn_only(customer, other_customer):
    """However often one calls: what was remembered longest ago is written first."""
    for _ in range(3):
        call_api(customer, action="balance")
    call_api(other_customer, action="balance")
    recording.recorder.write(rows_max=1)
    assert not of_customer(other_customer)
    for _ in range(3):
        call_api(customer, action="balance")

    recording.recorder.write(rows_max=1)

    assert len(of_customer(other_customer)) == 1


def test_what_waits_for_its_turn_is_written_though_nobody_calls_any_more(customer, other_customer):
    call_api(customer, action="balance")
    call_api(other_customer, action="balance")
    recording.recorder.write(rows_max=1)
    recording.recorder.write(rows_max=1)
    recording.recorder.write(rows_max=1)

    assert RecordedCall.objects.count() == 2
    assert sum(CallCount.objects.values_list("calls", flat=True)) == 2


def test_what_fits_is_written_whole_however_uneven(customer, other_customer):
    for _ in range(5):
        call_api(customer, action="balance")
    call_api(other_customer, action="balance")

    recording.recorder.write(rows_max=6)

    assert RecordedCall.objects.count() == 6


def test_memory_holds_no_more_than_it_may_however_many_keys_there_are(monkeypatch):
    monkeypatch.setattr(recording, "PENDING_MAX", 10)
    recorder = recording.Recorder(starts_writer=False)
    for key_id in [*range(1, 20), 1, 2, 3]:
        recorder._remember(a_call(key_id=key_id))
        assert recorder._pending == sum(map(len, recorder._kept.values())) <= 10
        assert all(recorder._kept.values())

    assert [call.key_id for call in recorder._take(10)] == [*range(13, 20), 1, 2, 3]
    assert (recorder._pending, recorder._kept) == (0, {})


def a_call(*, key_id):
    facts = dict.fromkeys(recording._Pending._fields, 0)
    return recording._Pending(**facts | {"key_id": key_id, "outcome": "ok"})


def of_customer(user):
    return list(RecordedCall.objects.filter(customer=user))


# --- The writer ----------------------------------------------------------------------------------


def test_a_call_waits_for_nothing_and_asks_nothing(customer, django_assert_num_queries):
    call_api(customer, action="balance")
    with django_assert_num_queries(1):
        call_api(customer, action="balance")

    assert not RecordedCall.objects.exists()


def test_drops_and_counts_what_cannot_be_written(customer, caplog):
    call_api(customer, action="balance")
    call_api(customer, action="balance")
    connection.cursor().execute("ALTER TABLE api_v2_recordedcall RENAME TO gone")
    with caplog.at_level(logging.WARNING):
        recording.recorder.write()
    connection.cursor().execute("ALTER TABLE gone RENAME TO api_v2_recordedcall")

    assert "2 API calls were not recorded, 2 so far" in caplog.text
    assert not CallCount.objects.exists()
    call_api(customer, action="balance")
    assert recorded().action == "balance"


def test_what_goes_wrong_while_remembering_stays_out_of_the_answer(customer, monkeypatch, caplog):
    monkeypatch.setattr(recording, "BOUNDS_US", "no numbers")

    assert call_api(customer, action="balance") == {"balance": "0.00000", "currency": "USD"}
    assert "an API call was not recorded" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_thread_of_its_own_writes_and_ends_with_the_process(customer, monkeypatch):
    monkeypatch.setattr(recording, "WRITE_EVERY_SECONDS", 0.01)
    recorder = recording.recorder = recording.Recorder()
    key_of(customer)
    caller = threading.Thread(target=call_and_disconnect, args=[customer], daemon=True)  # as the web server's are
    caller.start()
    caller.join()
    writer = recorder._writer
    monkeypatch.setattr("threading.main_thread", lambda: writer_of_no_more)
    writer.join(timeout=10)

    assert not writer.is_alive()
    assert not writer.daemon
    assert RecordedCall.objects.count() == 1


def call_and_disconnect(customer):
    call_api(customer, action="balance")
    connection.close()


class _Ended:
    """The main thread of a process that ends."""

    def is_alive(self):
        return False


writer_of_no_more = _Ended()


def test_a_fork_starts_without_its_parent_s_calls(customer):
    call_api(customer, action="balance")
    recording.recorder.forget()

    assert recorded() is None


# --- Pruning -------------------------------------------------------------------------------------


def test_keeps_the_newest_of_each_key_and_nothing_old(customer, other_customer, monkeypatch):
    monkeypatch.setattr(pruning, "CALLS_PER_KEY", 3)
    for _ in range(5):
        call_api(customer, action="balance")
    call_api(other_customer, action="balance")
    recording.recorder.write()
    newest = set(RecordedCall.objects.filter(customer=customer)[:3].values_list("pk", flat=True))

    tasks.prune_calls()

    assert set(RecordedCall.objects.filter(customer=customer).values_list("pk", flat=True)) == newest
    assert RecordedCall.objects.filter(customer=other_customer).count() == 1
    RecordedCall.objects.filter(customer=customer).update(at=timezone.now() - timedelta(days=8))
    CallCount.objects.filter(key__user=customer).update(hour=timezone.now() - timedelta(days=91))
    tasks.prune_calls()
    tasks.prune_counts()
    assert RecordedCall.objects.get().customer == other_customer
    assert CallCount.objects.get().key.user == other_customer
