"""Hold what clients saw against what the database says in the end.

Pure: calls and rows in, findings out. The question is the one for linearizability: is there an order of all that
happened which agrees with every answer, and in which what ended before something else began comes first? A wallet
answers it cheaply. Its entries are numbered in the order in which they were committed (each is written under the lock
of the wallet's row), so only the reads have to find their place.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from chaos.recording import Call
from orders.transitions import TRANSITIONS, RunState, Status, derive_status

# Entries carry the database's clock, calls that of this process: the same machine, but not the same clock.
CLOCK_TOLERANCE_SECONDS = 0.5
CHARGE, REFUND = "charge:order:", "refund:order:"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as the database has it."""

    id: int
    customer: int
    link: str
    charge: Decimal


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One movement of a customer's wallet; `seq` counts from 1. It was not committed before `begun_at`."""

    customer: int
    seq: int
    key: str
    amount: Decimal
    balance_after: Decimal
    begun_at: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be; `rule` names what it breaks."""

    rule: str
    text: str


def check(calls: Sequence[Call], orders: Sequence[OrderRow], entries: Sequence[EntryRow]) -> list[Finding]:
    """Return everything in which clients and database contradict each other."""
    return [
        *check_orders(calls, orders),
        *check_balances(calls, orders, entries),
        *check_statuses(calls, orders),
    ]


def check_orders(calls: Sequence[Call], orders: Sequence[OrderRow]) -> list[Finding]:
    """Acknowledged orders are there, once and as ordered; refused ones are not; nothing else is.

    Links are unique to a call. Of a call without an answer nobody knows, so its order may be there or not.
    """
    by_link: dict[str, list[OrderRow]] = defaultdict(list)
    for order in orders:
        by_link[order.link].append(order)
    findings = []
    for call in _adds(calls):
        found = by_link.pop(call.request["link"], [])
        findings += [Finding(rule, f"{text}: {call}") for rule, text in _judge_add(call, found)]
    findings += [Finding("unasked", f"nobody ordered {order}") for rest in by_link.values() for order in rest]
    ids = Counter(number for call in calls if (number := call.acknowledged_order) is not None)
    findings += [Finding("lost", f"order {number} was acknowledged {n} times") for number, n in ids.items() if n > 1]
    return findings


def _judge_add(call: Call, found: Sequence[OrderRow]) -> Iterable[tuple[str, str]]:
    if len(found) > 1:
        yield "doubled", f"one call placed {len(found)} orders"
    acknowledged = call.acknowledged_order
    if acknowledged is not None:
        if acknowledged not in {order.id for order in found}:
            yield "lost", f"order {acknowledged} was acknowledged and is not there"
    elif call.is_answered and found:
        yield "refused", f"refused, but order {found[0].id} is there"
    for order in found:
        if order.customer != call.customer:
            yield "charge", f"charged to customer {order.customer}"
        if call.expected_charge and order.charge != Decimal(call.expected_charge):
            yield "charge", f"charged {order.charge}"


def check_balances(calls: Sequence[Call], orders: Sequence[OrderRow], entries: Sequence[EntryRow]) -> list[Finding]:
    """Each `balance` answer was the wallet's balance at some moment of its call, and no answer goes back in time."""
    placed = {order.id: order for order in orders}
    adds = {call.request["link"]: call for call in _adds(calls)}
    entries_of: dict[int, list[EntryRow]] = defaultdict(list)
    for entry in entries:
        entries_of[entry.customer].append(entry)
    reads_of: dict[int, list[Call]] = defaultdict(list)
    refunds_seen: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        if call.action == "balance" and call.is_answered and call.error is None:
            reads_of[call.customer].append(call)
        elif call.action == "status" and call.is_answered:
            refunds_seen[call.customer].append(call)
    findings = []
    for customer, rows in entries_of.items():
        wallet = _Wallet(sorted(rows, key=lambda row: row.seq), placed, adds)
        wallet.note_refunds(refunds_seen[customer])
        findings += wallet.check_order()
        findings += wallet.place(reads_of[customer])
    findings += [
        Finding("balance", f"a wallet that has no entries was read: {call}")
        for customer, reads in reads_of.items() for call in reads if customer not in entries_of
    ]  # fmt: skip
    return findings


class _Wallet:
    """One wallet's entries with the moments between which each was committed, as far as anybody can tell."""

    def __init__(self, entries: Sequence[EntryRow], placed: dict[int, OrderRow], adds: dict[str, Call]) -> None:
        self._placed = placed
        self._entries = entries
        self._seqs_of_balance: dict[Decimal, list[int]] = defaultdict(list)
        self._begun: list[tuple[float, int]] = []  # not committed before
        self._known: list[tuple[float, int]] = []  # committed by then, because somebody was told
        self._refunds: dict[int, list[EntryRow]] = defaultdict(list)
        for entry in entries:
            self._seqs_of_balance[entry.balance_after].append(entry.seq)
            begun_at = entry.begun_at - CLOCK_TOLERANCE_SECONDS
            if entry.key.startswith(CHARGE):
                order = placed.get(int(entry.key.removeprefix(CHARGE)))
                call = adds.get(order.link) if order else None
                if call is not None:
                    begun_at = max(begun_at, call.sent)
                    if call.acknowledged_order is not None:
                        self._known.append((call.ended, entry.seq))
            elif entry.key.startswith(REFUND):
                self._refunds[int(entry.key.removeprefix(REFUND).partition(":")[0])].append(entry)
            self._begun.append((begun_at, entry.seq))

    def note_refunds(self, calls: Sequence[Call]) -> None:
        """A status that shows less than the full charge proves that a refund was posted."""
        for call in calls:
            for order_id, answer in _statuses(call):
                order = self._placed.get(order_id)
                if order is None:
                    continue
                missing = order.charge - Decimal(answer["charge"])
                for entry in self._refunds[order_id]:
                    if missing > 0:
                        self._known.append((call.ended, entry.seq))
                        missing -= entry.amount

    def check_order(self) -> list[Finding]:
        """What was known before something else began must have the smaller number."""
        highest = _Highest(self._known)
        return [
            Finding("balance", f"entry {seq} began after entry {highest.before(begun_at)} was known")
            for begun_at, seq in sorted(self._begun)
            if highest.before(begun_at) > seq
        ]

    def place(self, reads: Sequence[Call]) -> list[Finding]:
        """Find a place for every read, each as early as it may be: that leaves the later ones the most room."""
        highest, lowest = _Highest(self._known), _Lowest(self._begun)
        ended: list[tuple[float, int]] = []  # reads that have their place
        seen = 1
        findings = []
        for call in sorted(reads, key=lambda call: call.sent):
            while ended and ended[0][0] < call.sent:
                seen = max(seen, heapq.heappop(ended)[1])
            low = max(seen, highest.before(call.sent))
            high = lowest.after(call.ended) - 1
            seqs = self._seqs_of_balance.get(Decimal(call.answer["balance"]), [])
            index = bisect_left(seqs, low)
            if index == len(seqs) or seqs[index] > high:
                findings.append(
                    Finding("balance", f"not a balance between entries {low} and {high} of the wallet: {call}")
                )
            else:
                heapq.heappush(ended, (call.ended, seqs[index]))
        return findings


class _Highest:
    """The highest number among things that happened before a moment."""

    def __init__(self, moments: Sequence[tuple[float, int]]) -> None:
        self._at: list[float] = []
        self._highest: list[int] = []
        for at, number in sorted(moments):
            self._at.append(at)
            self._highest.append(max(number, self._highest[-1] if self._highest else 1))

    def before(self, moment: float) -> int:
        """Return it, or 1: the deposit that came before everything."""
        index = bisect_left(self._at, moment)
        return self._highest[index - 1] if index else 1


class _Lowest:
    """The lowest number among things that began after a moment."""

    def __init__(self, moments: Sequence[tuple[float, int]]) -> None:
        ordered = sorted(moments)
        self._at = [at for at, _ in ordered]
        self._lowest = [number for _, number in ordered]
        for index in range(len(ordered) - 2, -1, -1):
            self._lowest[index] = min(self._lowest[index], self._lowest[index + 1])
        self._none = max((number for _, number in moments), default=0) + 1

    def after(self, moment: float) -> int:
        """Return it, or one more than there are."""
        index = bisect_right(self._at, moment)
        return self._lowest[index] if index < len(self._lowest) else self._none


def check_statuses(calls: Sequence[Call], orders: Sequence[OrderRow]) -> list[Finding]:
    """An order's status moves only as the table allows, and its net charge only down.

    For orders of one run, which are all that the load places.
    """
    charge_of = {order.id: order.charge for order in orders}
    reads: dict[int, list[tuple[Call, dict[str, str]]]] = defaultdict(list)
    for call in sorted((call for call in calls if call.action == "status"), key=lambda call: call.sent):
        for order_id, answer in _statuses(call):
            reads[order_id].append((call, answer))
    findings = []
    for order_id, answers in reads.items():
        before: set[Status] = {Status.PENDING}
        least = charge_of.get(order_id, Decimal("Infinity"))
        ended: list[tuple[float, int, Status, Decimal]] = []
        for number, (call, answer) in enumerate(answers):
            while ended and ended[0][0] < call.sent:
                _, _, status, charge = heapq.heappop(ended)
                before.add(status)
                least = min(least, charge)
            status, charge = Status(answer["status"]), Decimal(answer["charge"])
            findings += [
                Finding("status", f"order {order_id} went from {old} to {status}: {call}")
                for old in before
                if status not in reachable(old)
            ]
            if charge > least:
                findings.append(Finding("status", f"order {order_id}: its charge rose from {least}: {call}"))
            heapq.heappush(ended, (call.ended, number, status, charge))
    return findings


@cache
def reachable(status: Status) -> frozenset[Status]:
    """Return what an order of one run may show after it has shown `status`, that itself included."""
    states = {state for state in RunState if _shown(state) == status}
    while more := {target for state in states for target in TRANSITIONS[state]} - states:
        states |= more
    return frozenset(map(_shown, states))


def _shown(state: RunState) -> Status:
    return derive_status([(state, 1, 0 if state == RunState.COMPLETED else 1)])


def _adds(calls: Iterable[Call]) -> Iterable[Call]:
    return (call for call in calls if call.action == "add")


def _statuses(call: Call) -> Iterable[tuple[int, dict[str, str]]]:
    """Return what a `status` call of several orders said of each."""
    if call.is_answered and isinstance(call.answer, dict):
        for label, answer in call.answer.items():
            if label.isdigit() and isinstance(answer, dict) and "status" in answer:
                yield int(label), answer
