"""The staff's first page and the reports: right figures for whoever may see them, and for nobody else."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from orders import monitoring
from orders.models import Attempt, Run
from providers.models import Provider
from reports import balances, figures, home, paces, pages
from reports.models import FoldCursor
from support import tickets
from tests.admin.browsing import page_of
from tests.fixtures import accept_due, funded, place, report
from tests.reports.test_figures import fold_now
from wallet import audit

pytestmark = pytest.mark.django_db
REPORTS = reverse("admin:reports_dayfigure_changelist")


@pytest.fixture
def traded(customer, make_service):
    """One order delivered, one in part; 1.70 charged, 0.2125 refunded, costs 0.80 less 0.10."""
    service = make_service(id=2001, cost=Decimal("0.4"))
    funded(customer, "10")
    for status, remains in (("Completed", 0), ("Partial", 250)):
        report(place(customer, service), status, remains=remains)
    return service


def needs_of(client):
    return {need.label: need.count for need in client.get(reverse("admin:index")).context["needs"]}


def tiles_of(client, **parameters):
    return {tile.label: dict(tile.values) for tile in client.get(reverse("admin:index"), parameters).context["tiles"]}


def read_csv(response):
    assert response.headers["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


# --- Home ----------------------------------------------------------------------------------------


def test_home_counts_what_needs_a_person(boss, customer, followers, review, provider, bank):
    place(customer, followers)
    Run.objects.filter(state="queued").update(held_at=timezone.now(), held_because="It costs more")
    Run.objects.filter(state="unknown").update(alarm="late", alarm_at=timezone.now())
    Provider.objects.filter(pk=provider.pk).update(is_low=True, failures=3)
    tickets.open_ticket(customer_id=customer.pk, title="Help", subject="other", text="Where is it?")

    assert needs_of(boss) == {
        "In review": 1,
        "Held by the profit guard": 1,
        "Stuck runs": 1,
        "Refills in doubt": 0,
        "Cancellations to forward": 0,
        "Deposits to approve": 0,
        "Tickets to answer": 1,
        "Providers with a low balance": 1,
        "Providers that do not answer": 1,
        "Approvals waiting": 0,
        "Ledger mismatches": 0,
    }


def test_home_of_a_quiet_panel_needs_nobody(boss):
    assert not any(needs_of(boss).values())
    assert "never audited" in boss.get(reverse("admin:index")).content.decode()


def test_home_tells_of_the_last_audit(boss, traded):
    audit.audit_and_record()

    need = boss.get(reverse("admin:index")).context["needs"][-1]

    assert (need.count, need.level) == (0, "none")
    assert need.detail.startswith("audited 0 s ago") or need.detail.startswith("audited ")


def test_every_need_and_figure_links_to_its_list(boss, traded):
    context = boss.get(reverse("admin:index")).context

    for one in (*context["needs"], *context["tiles"]):
        answer = boss.get(one.url)
        assert answer.status_code == 200, one.url


@pytest.mark.parametrize("folded", [False, True])
def test_home_shows_how_business_goes(boss, traded, folded):
    if folded:
        fold_now()

    tiles = tiles_of(boss)

    assert tiles["Revenue"] == dict.fromkeys(("Today", "7 days", "30 days"), "1.49")
    assert tiles["Cost"]["Today"] == "0.70"
    assert tiles["Profit"]["Today"] == "0.7875"
    assert tiles["Orders"]["Today"] == "2"
    assert tiles["Deposits"]["Today"] == "10.00"
    assert tiles["New customers"]["Today"] == "1"


def test_home_has_charts_of_the_days_asked_for(boss, traded):
    for asked, shown in (("7", 7), ("90", 90), ("", 30), ("8", 30), ("x", 30)):
        charts = boss.get(reverse("admin:index"), {"days": asked}).context["charts"]
        assert [chart["data"].count("2") > 0 for chart in charts]
        assert len(home.json.loads(charts[0]["data"])["labels"]) == shown
    assert charts[0]["words"] == "Revenue, cost and profit: Revenue 1.49, Cost 0.70, Profit 0.7875"


def test_home_shows_money_only_to_whom_may_see_it(make_clerk, traded):
    page = make_clerk("orders.view_reviewitem").get(reverse("admin:index"))

    assert [need.label for need in page.context["needs"]] == ["In review"]
    assert "tiles" not in page.context
    assert "Revenue" not in page.content.decode()


def test_home_of_somebody_who_may_nothing(make_clerk):
    page = make_clerk().get(reverse("admin:index"))

    assert page.status_code == 200
    assert page.context["needs"] == []


def test_home_asks_the_same_few_questions_however_much_there_is(boss, customer, traded):
    boss.get(reverse("admin:index"))
    with CaptureQueriesContext(connection) as few:
        boss.get(reverse("admin:index"))
    funded(customer, "50")
    for _ in range(5):
        place(customer, traded)
    accept_due()
    fold_now()
    with CaptureQueriesContext(connection) as many:
        boss.get(reverse("admin:index"))

    assert len(many) == len(few) <= 22


# --- Reports -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", pages.REPORTS)
def test_reports_open(boss, traded, name):
    fold_now()

    page = boss.get(REPORTS, {"by": name})

    assert page.status_code == 200
    assert page.context["tables"]


@pytest.mark.parametrize("name", pages.REPORTS)
def test_reports_of_nothing_open(boss, name):
    assert boss.get(REPORTS, {"by": name}).status_code == 200


@pytest.mark.parametrize("name", ["days", "services", "providers", "customers"])
def test_reports_as_files_are_exact(boss, traded, customer, provider, name):
    fold_now()

    header, *rows = read_csv(boss.get(REPORTS, {"by": name, "csv": "1"}))

    subject = {
        "days": figures.today().isoformat(),
        "services": f"{traded.pk} {traded.name}",
        "providers": provider.name,
        "customers": customer.username,
    }[name]
    assert header[1:9] == ["Orders", "Charged", "Refunded", "Refunded, %", "Revenue", "Cost", "Profit", "Margin, %"]
    assert rows[0][:9] == [
        subject, "2", "1.70000", "0.21250", "12.5", "1.48750", "0.70000", "0.78750", "52.9",
    ]  # fmt: skip


def test_a_name_that_a_spreadsheet_would_run_stays_text(boss, traded):
    type(traded).objects.update(name="=1+1")
    Provider.objects.update(name="=cmd()")

    assert read_csv(boss.get(REPORTS, {"by": "providers", "csv": "1"}))[1][0] == "'=cmd()"


def test_the_trial_balance_adds_up(boss, traded, customer):
    for fold in (lambda: None, fold_now):
        fold()
        (usd,) = balances.read_trial_balances(since=figures.today(), until=figures.today()).balances
        found = {line.name: (line.debited, line.credited, line.balance) for line in usd.lines}
        assert found["cash: manual"] == (10, 0, -10)
        assert found["sales"] == (Decimal("0.2125"), Decimal("1.7"), Decimal("1.4875"))
        assert found[balances.WALLETS] == (None, None, Decimal("8.5125"))
        assert usd.difference == 0
    assert "It adds up." in boss.get(REPORTS, {"by": "ledger"}).content.decode()
    rows = read_csv(boss.get(REPORTS, {"by": "ledger", "csv": "1"}))
    assert ["cash: manual", "10.00000", "0.00000", "-10.00000"] in rows


@pytest.mark.django_db(transaction=True)
def test_the_trial_balance_shows_what_was_written_past_the_ledger(boss, traded, customer):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE wallet_wallet SET balance = balance + 1")

    page = boss.get(REPORTS, {"by": "ledger"}).content.decode()

    assert "It does not add up" in page


def test_times_are_shown(boss, traded):
    fold_now()

    header, row = read_csv(boss.get(REPORTS, {"by": "paces", "csv": "1"}))

    assert header[0] == "Service"
    assert (row[1], row[4]) == ("2", "2")
    assert float(row[2]) > 0


@pytest.mark.parametrize(
    "parameters",
    [
        {"since": "2026-02-31"},
        {"since": "x", "until": "y"},
        {"since": "9999-12-31", "until": "9999-12-31"},
        {"since": "0001-01-01", "until": "0001-01-02"},
        {"since": "2026-05-05", "until": "2026-01-01"},
    ],
)
def test_periods_that_cannot_be_are_mended(boss, parameters):
    for name in pages.REPORTS:
        assert boss.get(REPORTS, {"by": name, **parameters}).status_code == 200


def test_an_unknown_report_is_not_there(boss):
    assert boss.get(REPORTS, {"by": "secrets"}).status_code == 404


def test_a_row_has_no_page(boss, traded):
    fold_now()

    assert boss.get(page_of(figures.DayFigure.objects.first())).status_code == 404


def test_reports_are_for_whom_may_see_them(make_clerk, traded):
    clerk = make_clerk("orders.view_order")

    for name in pages.REPORTS:
        for parameters in ({"by": name}, {"by": name, "csv": "1"}):
            assert clerk.get(REPORTS, parameters).status_code == 403
    assert Permission.objects.filter(codename="view_dayfigure").exists()


def test_reports_cannot_be_changed(boss, traded):
    fold_now()
    before = list(figures.DayFigure.objects.order_by("pk").values())

    assert boss.post(reverse("admin:reports_dayfigure_add"), {}).status_code == 403
    boss.post(REPORTS, {"action": "delete_selected", "_selected_action": [before[0]["id"]]})
    assert list(figures.DayFigure.objects.order_by("pk").values()) == before


def test_a_report_asks_a_few_questions(boss, traded, customer):
    boss.get(REPORTS, {"by": "customers"})
    with CaptureQueriesContext(connection) as asked:
        boss.get(REPORTS, {"by": "customers"})

    assert len(asked) <= 10


def test_a_page_is_cut_and_a_file_is_not(boss, traded, monkeypatch):
    monkeypatch.setattr(pages, "LINES_MAX", 3)

    page = boss.get(REPORTS, {"by": "days"})

    assert len(page.context["tables"][0]["lines"]) == 3
    assert "27 more are in the CSV file" in page.content.decode()
    assert len(read_csv(boss.get(REPORTS, {"by": "days", "csv": "1"}))) == 31


@pytest.mark.parametrize("name", ["services", "customers"])
def test_a_page_of_many_subjects_is_cut_and_a_file_is_not(boss, customer, traded, make_service, monkeypatch, name):
    monkeypatch.setattr(pages, "LINES_MAX", 1)
    for number in range(2):
        place(customer, make_service(id=3001 + number))
    page = boss.get(REPORTS, {"by": name})
    rows = read_csv(boss.get(REPORTS, {"by": name, "csv": "1"}))

    (table,) = page.context["tables"]
    assert len(table["lines"]) == 1
    assert table["left_out"] == len(rows) - 2  # without its heading
    assert len(rows) == (4 if name == "services" else 2)
    assert sum(int(row[1]) for row in rows[1:]) == 4


def test_pages_say_until_when_figures_are_complete(boss, traded):
    notice = "Workers are still adding up: figures are complete until"
    for address in (reverse("admin:index"), REPORTS):
        assert notice not in boss.get(address).content.decode()
    FoldCursor.objects.update_or_create(
        source="past", defaults={"folded": 0, "candidate": Attempt.objects.latest("pk").pk}
    )

    first = Attempt.objects.earliest("pk").finished_at
    for address in (reverse("admin:index"), REPORTS, f"{REPORTS}?by=services"):
        assert f"{notice} {first:%Y-%m-%d %H:%M} UTC" in boss.get(address).content.decode()
    yesterday = figures.today() - timedelta(days=1)
    assert notice not in boss.get(REPORTS, {"by": "services", "until": yesterday}).content.decode()


def test_times_and_the_trial_balance_say_so_too(boss, traded, monkeypatch):
    for module in (balances, paces):
        monkeypatch.setattr(module, "TAIL_IDS_MAX", 1)
    for name in ("ledger", "paces"):
        assert "Workers are still adding up" in boss.get(REPORTS, {"by": name}).content.decode()
    fold_now()
    for name in ("ledger", "paces"):
        assert "Workers are still adding up" not in boss.get(REPORTS, {"by": name}).content.decode()


def test_piles_and_the_condition_agree(review):
    assert monitoring.read_piles()["in_review"].count == monitoring.read_condition().in_review.count == 1
