"""Usage, requests and console of the API: figures that add up, reasons in plain words, nobody else's calls."""

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, User
from api_v2 import inspection, recording
from api_v2.errors import INTERNAL_ERROR, TEXTS
from api_v2.examples import CALLS
from api_v2.models import CallCount, RecordedCall
from dashboard import call_reasons, console_calls, usage_figures
from dashboard.charts import Chart
from tests.fixtures import LINK, call_api, funded, key_of, place, post_api

USAGE = "/account/api/usage/"
REQUESTS = "/account/api/requests/"
CONSOLE = "/account/api/console/"


def called(user, **params):
    """Call the API, write the call down, and return what was recorded of it."""
    answer = call_api(user, **params)
    recording.recorder.write()
    return answer, RecordedCall.objects.filter(customer=user).first()


def words_of(page):
    """Return a page's text as a reader sees it."""
    text = re.sub(r"<(script|style).*?</\1>", " ", page.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# --- Usage ---------------------------------------------------------------------------------------


def test_usage_adds_up(customer, browser):
    for _ in range(3):
        call_api(customer, action="balance")
    called(customer, action="status", order=1)

    page = browser.get(USAGE)

    total = page.context["total"]
    assert (total.calls, total.errors) == (4, 1)
    assert "25.0 %" in words_of(page)
    assert list(page.context["actions"]) == ["balance", "status"]
    assert sum(figures.calls for _, figures in page.context["periods"]) == 4
    assert page.context["chart"].series[0].values[-1] == 3
    assert page.context["chart"].series[1].values[-1] == 1


def test_usage_is_split_by_action_and_by_day(customer, browser):
    called(customer, action="balance")
    CallCount.objects.update(hour=timezone.now() - timedelta(days=3))

    assert browser.get(USAGE).context["total"].calls == 0
    page = browser.get(USAGE, {"period": "days", "split": "action"})

    assert page.context["total"].calls == 1
    assert [series.label for series in page.context["chart"].series] == ["balance"]
    assert len(page.context["chart"].labels) == 30
    assert len(page.context["periods"]) == 1


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "Pacific/Auckland"])
@pytest.mark.parametrize("period", ["hours", "days"])
def test_usage_loses_no_call_to_the_reader_s_clock(zone, period, customer, browser):
    User.objects.update(time_zone=zone)
    called(customer, action="balance")

    page = browser.get(USAGE, {"period": period})

    assert sum(figures.calls for _, figures in page.context["periods"]) == 1


def test_usage_of_one_key(customer, other_customer, browser):
    called(customer, action="balance")
    called(other_customer, action="balance")
    own = ApiKey.objects.get(user=customer)
    api_keys.issue_api_key(user=customer, name="Idle")
    idle = ApiKey.objects.get(name="Idle")
    foreign = ApiKey.objects.get(user=other_customer)

    assert browser.get(USAGE, {"key": own.pk}).context["total"].calls == 1
    assert browser.get(USAGE, {"key": idle.pk}).context["total"].calls == 0
    assert browser.get(USAGE, {"key": foreign.pk}).context["total"].calls == 1  # all keys of one's own
    assert browser.get(USAGE, {"key": "9" * 30, "period": "x"}).status_code == 200


def test_headroom_is_of_live_keys_only(customer, browser):
    called(customer, action="balance")
    api_keys.issue_api_key(user=customer, name="Dead")
    api_keys.revoke_api_key(user=customer, key_id=ApiKey.objects.get(name="Dead").pk)

    page = browser.get("/account/api/usage/headroom/")

    assert "of 6,000 calls left" in page.text
    assert "Dead" not in page.text


def test_headroom_is_unknown_without_redis(customer, browser, monkeypatch):
    key_of(customer)
    monkeypatch.setattr("api_v2.throttling._tripped_until", float("inf"))

    page = browser.get(USAGE)

    assert page.status_code == 200
    assert "Unknown at the moment" in page.text


def test_headroom_sends_strangers_to_log_in(client, db):
    assert client.get("/account/api/usage/headroom/").headers["HX-Refresh"] == "true"


def test_usage_costs_fixed_queries(customer, browser, django_assert_num_queries):
    called(customer, action="balance")
    called(customer, action="status", order=1)
    # session, user, keys, usage, buyer
    with django_assert_num_queries(5):
        browser.get(USAGE)


def test_the_rarer_actions_share_a_colour():
    hour = datetime(2026, 1, 1, tzinfo=UTC)
    usages = [inspection.Usage(hour, f"a{number}", "ok", 10 - number, 100, 50) for number in range(6)]
    periods = usage_figures.add_up_periods(usages, periods=[hour])

    chart = usage_figures.draw_actions(
        list(periods.values()), labels=["00:00"], actions=list(usage_figures.add_up_actions(usages))
    )

    assert isinstance(chart, Chart)
    assert [series.values for series in chart.series] == [[10], [9], [8], [7], [11]]


# --- Requests ------------------------------------------------------------------------------------


def test_lists_calls_newest_first_with_their_errors(customer, browser):
    called(customer, action="balance")
    called(customer, action="status", order=1)

    page = browser.get(REQUESTS)

    assert [call.action for call in page.context["calls"]] == ["status", "balance"]
    assert "Incorrect order ID" in page.text
    assert "order=1" in page.text


def test_narrows_the_list(customer, browser):
    called(customer, action="balance")
    called(customer, action="status", order=1)
    called(customer, action="dance")
    api_keys.issue_api_key(user=customer, name="Idle")
    key, idle = ApiKey.objects.get(name="Test"), ApiKey.objects.get(name="Idle")

    def actions(**asked):
        return [call.action for call in browser.get(REQUESTS, asked).context["calls"]]

    assert actions(action="status") == ["status"]
    assert actions(action="unknown") == [""]
    assert actions(outcome="ok") == ["balance"]
    assert actions(key=key.pk, outcome="refused") == ["", "status"]
    assert actions(key=idle.pk) == []
    assert actions(action="nonsense", key="x", outcome="1", before="-1") == ["", "status", "balance"]


def test_pages_by_key(customer, browser, monkeypatch):
    monkeypatch.setattr(inspection, "CALLS_PER_PAGE", 2)
    for _ in range(3):
        called(customer, action="balance")

    first = browser.get(REQUESTS)
    second = browser.get(REQUESTS, {"before": first.context["next_before"]})

    listed = [call.pk for page in (first, second) for call in page.context["calls"]]
    assert listed == list(RecordedCall.objects.values_list("pk", flat=True))
    assert second.context["next_before"] is None


def test_shows_what_was_sent_and_answered(customer, browser, followers):
    funded(customer, "10")
    order = place(customer, followers, link="javascript:alert(1)//<script>alert(2)</script>")
    recording.recorder.write()
    call = RecordedCall.objects.get()

    page = browser.get(f"{REQUESTS}{call.pk}/")

    assert f'"order": {order}' in words_of(page)
    assert "javascript:alert(1)//<script>alert(2)</script>" in html.unescape(page.text)
    assert "<script>alert" not in page.text
    assert 'href="javascript' not in page.text
    assert key_of(customer) not in page.text


def test_says_why_in_plain_words(customer, browser, followers):
    _, call = called(customer, action="add", service=1042, link=LINK, quantity=49)

    assert "The quantity was 49; the service's minimum is 50." in words_of(browser.get(f"{REQUESTS}{call.pk}/"))
    _, call = called(customer, action="cancel", orders="1,2")
    assert "You have no order with this ID, or it is archived." in words_of(browser.get(f"{REQUESTS}{call.pk}/"))
    _, call = called(customer, action="dance")
    assert "'action' must be one of services, add," in words_of(browser.get(f"{REQUESTS}{call.pk}/"))


def test_every_error_of_the_api_has_its_reason():
    assert set(call_reasons.REASONS) == {*TEXTS.values(), INTERNAL_ERROR}


def test_a_label_that_is_called_error_is_no_reason():
    assert call_reasons.list_errors('{"error":{"error":"Incorrect order ID"},"1":{"error":"My own \\" text"}}') == [
        "Incorrect order ID"
    ]


def test_says_what_was_cut(customer, browser):
    _, call = called(customer, action="status", order="z" * 900, **{f"p{number}": 1 for number in range(40)})

    words = words_of(browser.get(f"{REQUESTS}{call.pk}/"))

    assert "… (900 characters)" in words
    assert "23 more parameters were sent and not kept." in words


def test_foreign_calls_are_missing(customer, other_browser, browser):
    _, call = called(customer, action="balance")

    foreign = other_browser.get(f"{REQUESTS}{call.pk}/")
    missing = other_browser.get(f"{REQUESTS}{call.pk + 1}/")

    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    assert other_browser.get(CONSOLE, {"call": call.pk}).status_code == 404
    assert list(other_browser.get(REQUESTS, {"key": call.key_id}).context["calls"]) == []
    assert other_browser.get(USAGE).context["total"].calls == 0


def test_requests_cost_fixed_queries(customer, browser, django_assert_num_queries):
    for _ in range(3):
        _, call = called(customer, action="balance")
    # session, user, keys, calls, buyer
    with django_assert_num_queries(5):
        browser.get(REQUESTS)
    # session, user, call, buyer
    with django_assert_num_queries(4):
        browser.get(f"{REQUESTS}{call.pk}/")


# --- Console -------------------------------------------------------------------------------------


def test_the_console_knows_every_call_of_the_api(customer, browser):
    offered = {call.slug: call for call in console_calls.list_console_calls()}

    assert {call.example.slug for call in CALLS} <= offered.keys()
    assert len(offered) == len(console_calls.list_console_calls())
    assert [field.name for field in offered["add-comment-replies"].fields] == [
        "service",
        "link",
        "username",
        "comments",
    ]
    assert all(call.question for call in offered.values() if call.action in ("add", "cancel"))
    page = browser.get(CONSOLE)
    assert "no-store" in page.headers["Cache-Control"]
    assert "This spends real money" in page.text


def test_the_key_s_field_has_no_name_and_is_not_completed(browser):
    field = re.search(r'<input id="console-key"[^>]*>', browser.get(CONSOLE).text)[0]

    assert 'autocomplete="off"' in field
    assert 'type="password"' in field
    assert "name=" not in field


def test_the_console_keeps_the_key_nowhere():
    script = Path("dashboard/static/dashboard/console.js").read_text()

    assert not re.search(r"localStorage|sessionStorage|cookie|history|location|XMLHttpRequest|innerHTML", script)
    assert script.count("fetch(") == 1


@pytest.mark.parametrize(
    ("params", "slug", "values"),
    [
        ({"action": "balance"}, "balance", {}),
        ({"action": "status", "order": "7"}, "status", {"order": "7"}),
        ({"action": "status", "orders": "7,8"}, "status-many", {"orders": "7,8"}),
        (
            {"action": "add", "service": "1", "link": LINK, "username": "a", "comments": "b\nc"},
            "add-comment-replies",
            {"service": "1", "link": LINK, "username": "a", "comments": "b\nc"},
        ),
        (
            {"action": "add", "service": "1", "link": "z" * 900, "quantity": "5"},
            "add",
            {"service": "1", "quantity": "5"},
        ),
        ({"action": "dance"}, "balance", {}),
    ],
)
def test_a_recorded_call_can_be_sent_again(params, slug, values, customer, browser):
    post_api({"key": key_of(customer), **params})
    recording.recorder.write()

    page = browser.get(CONSOLE, {"call": RecordedCall.objects.get().pk})

    assert page.context["chosen"] == slug
    assert {name: value for name, value in page.context["values"].items() if name != "action"} == values


def test_the_console_starts_without_a_key_s_owner_being_asked_for_it(customer, browser):
    assert "You have no live key" in browser.get(CONSOLE).text
    key_of(customer)
    assert "You have no live key" not in browser.get(CONSOLE).text
