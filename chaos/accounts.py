"""Hold the providers' books against the panel's: what was taken twice, hidden, decided too early, paid back wrongly."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from chaos.evidence import Evidence
from chaos.facts import AttemptRow, RunRow
from chaos.schedule import PhaseKind
from orders.transitions import FINAL_RUN_STATES

# Faults of `add` after which nobody but the provider knows what it did.
AMBIGUOUS = frozenset(
    {
        *("hang", "accept_hang", "reset", "accept_reset", "http_500", "accept_http_500", "html", "accept_html"),
        *("accept_truncated", "accept_cut", "accept_both", "unknown_error", "reused_id"),
    }
)
STATUS_OF_STATE = {"completed": "Completed", "partial": "Partial", "canceled": "Canceled"}
PLACES = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """What became of the calls that providers failed ambiguously, and of the reviews that had other causes."""

    injected: int
    found: int
    absent: int
    open: int
    others: int
    reviews: int
    hasty: list[str]


def find_duplicates(evidence: Evidence) -> list[str]:
    """Return the links that stand more than once in all books together."""
    taken: dict[str, int] = defaultdict(int)
    for shelf in evidence.shelves.values():
        for link, orders in shelf.taken.items():
            taken[link] += len(orders)
    return sorted(link for link, times in taken.items() if times > 1)


def find_strangers(evidence: Evidence) -> list[str]:
    """Return what stands in a book and belongs to no run: delivered for nobody's money."""
    known = {(run.provider, run.provider_order) for run in evidence.runs}
    return [
        f"{name} order {number} ({order['link']})"
        for name, shelf in evidence.shelves.items()
        for number, order in shelf.orders.items()
        if (name, number) not in known
    ]


def find_unintended(evidence: Evidence) -> list[str]:
    """Return links that providers were sent more often than intents to send them were committed."""
    intents: dict[tuple[str, str], int] = defaultdict(int)
    for attempt in evidence.attempts:
        intents[attempt.provider, attempt.link] += 1
    sent: dict[tuple[str, str], int] = defaultdict(int)
    for name, shelf in evidence.shelves.items():
        for note in shelf.notes:
            if note.action == "add":
                sent[name, note.link] += 1
    return [f"{link} to {name}" for (name, link), times in sent.items() if times > intents[name, link]]


def account_for_ambiguity(evidence: Evidence) -> Ambiguity:
    """Find for each ambiguous failure the review it must have led to, and what was done before that was decided."""
    reviewed: dict[tuple[str, str], list[AttemptRow]] = defaultdict(list)
    reviews = [attempt for attempt in evidence.attempts if attempt.review_id is not None]
    for attempt in reviews:
        reviewed[attempt.provider, attempt.link].append(attempt)
    injected, ends = 0, []
    for name, shelf in evidence.shelves.items():
        for note in shelf.notes:
            if note.action == "add" and note.fault in AMBIGUOUS:
                injected += 1
                # The attempt that was on its way when the provider heard of it.
                candidates = [a for a in reviewed[name, note.link] if a.started_at <= note.at + 1]
                if candidates:
                    attempt = candidates[-1]
                    reviewed[name, note.link].remove(attempt)
                    ends.append(attempt.resolution)
    return Ambiguity(
        injected=injected,
        found=ends.count("found"),
        absent=ends.count("resent") + ends.count("refunded"),
        open=ends.count(""),
        others=len(reviews) - len(ends),
        reviews=len(reviews),
        hasty=_find_hasty(evidence, reviews),
    )


def _find_hasty(evidence: Evidence, reviews: list[AttemptRow]) -> list[str]:
    """Return what was sent or paid back while nobody knew."""
    attempts: dict[int, list[AttemptRow]] = defaultdict(list)
    for attempt in evidence.attempts:
        attempts[attempt.order_id].append(attempt)
    hasty = []
    for review in reviews:
        until = review.resolved_at or float("inf")
        hasty += [
            f"order {review.order_id} was sent again before it was decided"
            for later in attempts[review.order_id]
            if later.id > review.id and later.started_at < until
        ]
        hasty += [
            f"order {review.order_id} was paid back {amount} before it was decided"
            for amount, at in evidence.refunds.get(review.order_id, [])
            if review.started_at < at < until
        ]
    return hasty


def find_wrong_refunds(evidence: Evidence) -> list[str]:
    """Return orders whose refunds are not, to the last place, the share of the charge that was not delivered."""
    wrong = []
    for run in evidence.runs:
        posted = sum((amount for amount, _ in evidence.refunds.get(run.order_id, [])), Decimal(0))
        due = _due(run)
        if not posted == run.refunded == due:
            wrong.append(f"order {run.order_id}: due {due}, on the order {run.refunded}, in the ledger {posted}")
    return wrong


def _due(run: RunRow) -> Decimal:
    if run.state not in FINAL_RUN_STATES or run.remains == 0:
        return Decimal(0)
    if run.remains == run.quantity:
        return run.charge
    return (run.charge * run.remains / run.quantity).quantize(PLACES, ROUND_DOWN)


def find_disagreements(evidence: Evidence) -> list[str]:
    """Return finished runs that their provider tells otherwise."""
    disagreements = []
    for run in evidence.runs:
        if not run.provider_order:
            continue
        order = evidence.shelves[run.provider].orders.get(run.provider_order)
        if order is None:
            disagreements.append(f"order {run.order_id}: {run.provider} has no {run.provider_order}")
        elif order["link"] != run.link:
            disagreements.append(f"order {run.order_id}: {run.provider} {run.provider_order} is for {order['link']}")
        elif (STATUS_OF_STATE.get(run.state), run.remains) != (order["status"], order["remains"]):
            disagreements.append(
                f"order {run.order_id}: {run.state}, {run.remains} left; "
                f"{run.provider} says {order['status']}, {order['remains']} left"
            )
    return disagreements


def count_status_calls(evidence: Evidence) -> tuple[int, int]:
    """Return how many status calls the calm phases took, and about how many orders they asked."""
    notes = [
        note
        for start, end in evidence.phases_of(PhaseKind.CALM)
        for shelf in evidence.shelves.values()
        for note in shelf.notes
        if note.action == "status" and start <= note.at < end
    ]
    return len(notes), sum(note.ids for note in notes)
