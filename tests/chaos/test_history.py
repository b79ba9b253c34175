"""The history checker passes what can be and finds what cannot: each rule is shown to bite."""

from decimal import Decimal

import pytest

from chaos import history, recording
from chaos.history import EntryRow, OrderRow
from chaos.recording import Call
from orders.transitions import Status

CUSTOMER, STRANGER = 1, 2


def call(action, sent, ended, answer=None, *, problem="", charge="", customer=CUSTOMER, **request):
    return Call(
        customer=customer,
        action=action,
        request=request,
        sent=sent,
        ended=ended,
        status=None if problem else 200,
        answer=answer,
        problem=problem,
        expected_charge=charge,
    )


def add(sent, ended, answer=None, *, link="a", charge="1.00000", **changes):
    return call("add", sent, ended, answer, link=link, charge=charge, **changes)


def balance(sent, ended, value):
    return call("balance", sent, ended, {"balance": value, "currency": "USD"})


def status(sent, ended, shown, *, order=7, charge="1.00000"):
    return call("status", sent, ended, {str(order): {"status": shown, "charge": charge, "remains": "0"}})


def order(number=7, *, link="a", charge="1.00000", customer=CUSTOMER):
    return OrderRow(id=number, customer=customer, link=link, charge=Decimal(charge))


def wallet(*movements, begun_at=()):
    """Make a wallet that begins with a deposit of 10; movements are keys with amounts, charges negative."""
    entries, now = [EntryRow(CUSTOMER, 1, "deposit:manual:1", Decimal(10), Decimal(10), 0.0)], Decimal(10)
    for seq, (key, amount) in enumerate(movements, start=2):
        now += Decimal(amount)
        begun = begun_at[seq - 2] if begun_at else 0.0
        entries.append(EntryRow(CUSTOMER, seq, key, abs(Decimal(amount)), now, begun))
    return entries


def rules(findings):
    return [finding.rule for finding in findings]


class TestOrders:
    def test_an_acknowledged_order_that_is_there(self):
        assert history.check_orders([add(0, 1, {"order": 7})], [order()]) == []

    def test_an_acknowledged_order_that_is_not_there(self):
        assert rules(history.check_orders([add(0, 1, {"order": 7})], [])) == ["lost"]

    def test_an_acknowledged_order_under_another_number(self):
        assert rules(history.check_orders([add(0, 1, {"order": 8})], [order(7)])) == ["lost"]

    def test_an_order_acknowledged_to_two_calls(self):
        calls = [add(0, 1, {"order": 7}), add(0, 1, {"order": 7}, link="b")]
        assert "lost" in rules(history.check_orders(calls, [order()]))

    def test_a_refused_order_that_is_not_there(self):
        assert history.check_orders([add(0, 1, {"error": "Insufficient balance"})], []) == []

    @pytest.mark.parametrize("error", ["Insufficient balance", "Internal error"])
    def test_a_refused_order_that_is_there(self, error):
        assert rules(history.check_orders([add(0, 1, {"error": error})], [order()])) == ["refused"]

    @pytest.mark.parametrize("orders", [[], [order()]])
    def test_a_call_without_an_answer_may_have_placed_its_order(self, orders):
        assert history.check_orders([add(0, 1, problem="reset")], orders) == []

    def test_a_call_without_an_answer_places_one_order_at_most(self):
        assert rules(history.check_orders([add(0, 1, problem="reset")], [order(7), order(8)])) == ["doubled"]

    def test_an_order_that_nobody_asked_for(self):
        assert rules(history.check_orders([], [order()])) == ["unasked"]

    def test_another_charge_than_agreed(self):
        assert rules(history.check_orders([add(0, 1, {"order": 7})], [order(charge="1.00001")])) == ["charge"]

    def test_a_charge_to_somebody_else(self):
        assert rules(history.check_orders([add(0, 1, {"order": 7})], [order(customer=STRANGER)])) == ["charge"]


class TestBalances:
    ADDED = (add(10, 11, {"order": 7}),)
    CHARGED = wallet(("charge:order:7", "-1"))

    def check(self, *calls, entries=CHARGED):
        return rules(history.check_balances([*self.ADDED, *calls], [order()], entries))

    def test_before_during_and_after_an_order(self):
        assert self.check(balance(1, 2, "10.00000"), balance(12, 13, "9.00000")) == []
        assert self.check(balance(10.5, 10.6, "10.00000"), balance(10.7, 10.8, "9.00000")) == []

    def test_an_order_that_was_acknowledged_must_show(self):
        assert self.check(balance(11.1, 12, "10.00000")) == ["balance"]

    def test_an_order_that_was_not_sent_yet_must_not_show(self):
        assert self.check(balance(8, 9, "9.00000")) == ["balance"]

    def test_a_read_that_overlaps_the_order_may_show_either(self):
        assert self.check(balance(9, 10.5, "10.00000"), balance(9, 10.5, "9.00000")) == []

    def test_a_balance_that_never_was(self):
        assert self.check(balance(9, 12, "9.50000")) == ["balance"]

    def test_time_does_not_go_back(self):
        assert self.check(balance(10.1, 10.2, "9.00000"), balance(10.3, 10.4, "10.00000")) == ["balance"]

    def test_reads_at_the_same_time_may_come_in_either_order(self):
        assert self.check(balance(10.1, 10.4, "9.00000"), balance(10.2, 10.3, "10.00000")) == []

    def test_an_order_without_an_answer_may_show_late_but_not_early(self):
        calls, orders = [add(10, 11, problem="time-out")], [order()]
        entries = wallet(("charge:order:7", "-1"), begun_at=[30])

        def read(sent, ended, value):
            return rules(history.check_balances([*calls, balance(sent, ended, value)], orders, entries))

        assert read(40, 41, "10.00000") == read(40, 41, "9.00000") == []
        assert read(20, 21, "9.00000") == ["balance"]

    def test_a_balance_that_comes_back_by_a_refund(self):
        entries = wallet(("charge:order:7", "-1"), ("refund:order:7:1", "1"), begun_at=[10, 20])
        assert self.check(balance(12, 13, "9.00000"), balance(21, 22, "10.00000"), entries=entries) == []
        assert self.check(balance(12, 13, "10.00000"), entries=entries) == ["balance"]
        # The order was acknowledged before the first of these, so that one has seen the refund.
        seen = [balance(21, 22, "10.00000"), balance(23, 24, "9.00000")]
        assert self.check(*seen, entries=entries) == ["balance"]

    def test_a_refund_that_a_status_has_shown_must_show_in_the_balance(self):
        entries = wallet(("charge:order:7", "-1"), ("refund:order:7:1", "0.4"), begun_at=[10, 20])
        shown = status(25, 26, "Partial", charge="0.60000")
        assert self.check(shown, balance(27, 28, "9.40000"), entries=entries) == []
        assert self.check(shown, balance(27, 28, "9.00000"), entries=entries) == ["balance"]

    def test_entries_in_another_order_than_their_calls(self):
        calls = [add(10, 11, {"order": 7}), add(12, 13, {"order": 8}, link="b")]
        orders = [order(7), order(8, link="b")]
        right = wallet(("charge:order:7", "-1"), ("charge:order:8", "-1"))
        wrong = wallet(("charge:order:8", "-1"), ("charge:order:7", "-1"))
        assert history.check_balances(calls, orders, right) == []
        assert rules(history.check_balances(calls, orders, wrong)) == ["balance"]

    def test_a_wallet_without_entries(self):
        assert rules(history.check_balances([balance(0, 1, "0.00000")], [], [])) == ["balance"]


class TestStatuses:
    def check(self, *calls):
        return rules(history.check_statuses(calls, [order()]))

    def test_the_usual_way(self):
        words = ["Pending", "Processing", "In progress", "Completed"]
        assert self.check(*(status(n, n + 0.5, word) for n, word in enumerate(words))) == []

    @pytest.mark.parametrize(
        ("before", "after"),
        [("Completed", "In progress"), ("Canceled", "Pending"), ("Processing", "Pending"), ("Canceled", "Completed"),
         ("Partial", "Completed")],
    )  # fmt: skip
    def test_a_way_back(self, before, after):
        assert self.check(status(0, 1, before), status(2, 3, after)) == ["status"]
        assert self.check(status(0, 2, before), status(1, 3, after)) == []  # at the same time nobody can tell

    def test_corrections_in_the_customers_favour(self):
        assert self.check(status(0, 1, "Completed"), status(2, 3, "Partial"), status(4, 5, "Canceled")) == []

    def test_a_charge_only_falls(self):
        shown = [status(0, 1, "Partial", charge="0.50000"), status(2, 3, "Partial", charge="0.60000")]
        assert self.check(*shown) == ["status"]
        assert self.check(status(0, 1, "Partial", charge="1.50000")) == ["status"]

    def test_from_every_status_itself_can_follow(self):
        assert all(one in history.reachable(one) for one in Status)
        assert history.reachable(Status.PENDING) == frozenset(Status)
        assert history.reachable(Status.CANCELED) == {Status.CANCELED}


def test_a_history_reads_back_as_it_was_written(tmp_path):
    written = recording.History(tmp_path / "history.jsonl")
    calls = [add(0, 1, {"order": 7}), add(1, 2, problem="reset"), balance(2, 3, "9.00000")]
    for one in calls:
        written.add(one)
    written.close()

    assert list(recording.read(tmp_path / "history.jsonl")) == calls == written.calls
    assert written.between(1, 3, "balance") == [calls[2]]
