"""Bring a run to rest: let what is due be done, decide reviews by evidence, let the providers finish."""

import random
import time
from collections.abc import Callable

from chaos import facts, recording
from chaos.facts import AttemptRow
from chaos.load import Client
from chaos.upstreams import Upstream, read_shelves
from chaos.world import World
from orders import refills, reviews
from orders.errors import ProviderOrderTaken, ReviewAlreadyResolved
from orders.models import Refill

POLL_SECONDS = 0.5
RESENT_SHARE = 0.5  # of what is absent; the rest is paid back
# Nothing may change for this long before it counts as stuck: a lease lasts 36 seconds, and a provider that was down
# may need several tries. As long as something does change, the machine is merely slow.
STANDSTILL_SECONDS = 120.0
ALARM_TIMEOUT_SECONDS = 70.0
A_LONG_TIME_SECONDS = 1000.0  # more than the slowest order takes


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait, and say whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def wait_while_moving(what_is_left: Callable[[], object]) -> bool:
    """Wait until nothing is left, and say whether it came to that before it came to a standstill."""
    before, moved_at = what_is_left(), time.monotonic()
    while before:
        time.sleep(POLL_SECONDS)
        if (now := what_is_left()) != before:
            before, moved_at = now, time.monotonic()
        elif time.monotonic() - moved_at > STANDSTILL_SECONDS:
            return False
    return True


def wait_until_sent(world: World) -> bool:
    """Wait until every run that can be sent has been, or waits for review."""
    return wait_while_moving(lambda: facts.count_unsent(idle=world.idle.id))


def wait_until_settled(world: World, *, before: float, seconds: float) -> float | None:
    """Wait until orders placed before a moment are final or in review; return when they were."""
    if wait_until(lambda: facts.count_unsettled(idle=world.idle.id, before=before) == 0, seconds):
        return recording.now()
    return None


def wait_for_alarms(world: World, seconds: float = ALARM_TIMEOUT_SECONDS) -> list[float | None]:
    """Return how long it took to flag each run that was made stuck."""
    wait_until(lambda: None not in facts.seconds_to_alarm(idle=world.idle.id), seconds)
    return facts.seconds_to_alarm(idle=world.idle.id)


def decide_reviews(world: World, upstreams: dict[str, Upstream], *, seed: int) -> list[str]:
    """Do what a person with the providers' books would; return what could not be decided, in words.

    What a provider has is found. What it does not have is sent again or given back, as chance wills.
    """
    chance = random.Random(f"{seed} operator")
    shelves = read_shelves(upstreams)
    undecided = []
    for attempt in facts.open_reviews():
        taken = shelves[attempt.provider].taken.get(attempt.link, [])
        try:
            _decide(attempt, taken[0]["id"] if taken else None, world, resend=chance.random() < RESENT_SHARE)
        except ReviewAlreadyResolved:
            pass  # its answer came late
        except ProviderOrderTaken as error:
            undecided.append(f"{attempt}: {error!r}")
    return undecided


def _decide(attempt: AttemptRow, provider_order: str | None, world: World, *, resend: bool) -> None:
    assert attempt.review_id is not None
    if provider_order is not None:
        reviews.resolve_found(
            item_id=attempt.review_id,
            provider_order=provider_order,
            reason="it is in the provider's book",
            actor_id=world.operator_id,
        )
        return
    resolve = reviews.resolve_resend if resend else reviews.resolve_refund
    resolve(item_id=attempt.review_id, reason="it is not in the provider's book", actor_id=world.operator_id)


def decide_refills(world: World, upstreams: dict[str, Upstream]) -> None:
    """Close by the providers' books the refills of which nobody knows whether they were taken."""
    doubts = facts.refills_in_doubt()
    shelves = read_shelves(upstreams) if doubts else {}
    for refill_id, provider, number in doubts:
        was_taken = bool(shelves[provider].orders[number]["refills"])
        status = Refill.Status.COMPLETED if was_taken else Refill.Status.REJECTED
        refills.record_refill_status(refill_id, status, actor_id=world.operator_id)


def cancel_idle(world: World, client: Client, order_ids: dict[int, list[int]]) -> None:
    """Let customers cancel what nobody sends."""
    for customer in world.customers:
        for order_id in order_ids.get(customer.id, []):
            client.call(customer, "cancel", orders=order_id)


def come_to_rest(world: World, upstreams: dict[str, Upstream]) -> list[str]:
    """Let the providers finish everything; return what has no end all the same."""

    def unrest() -> list[str]:
        for upstream in upstreams.values():
            upstream.advance(A_LONG_TIME_SECONDS)
        facts.hurry()
        decide_refills(world, upstreams)
        return facts.describe_unrest()

    wait_while_moving(unrest)
    return facts.describe_unrest()
