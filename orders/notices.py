"""Find what customers want to be told: a balance that fell low, orders that ended Partial or Canceled.

Finding writes a row for each mail (`Notice`), sending works the rows off; nothing of it touches the placing of orders.

* A low balance is told once, and again only after the balance was seen above the threshold. What rises above and falls
  below between two looks, a minute apart, is not told twice.
* An ended order is told once. Each look reads, by the index of finished orders that are not archived, what ended since
  the last one, whatever customers and orders there are. A transaction that takes longer than `SETTLING` to commit would
  be overlooked, and so would an order whose end is corrected later (Completed to Partial): its page tells of it.
* A mail is sent at least once while the mail server takes any: a worker that dies between sending and deleting the row
  leaves it for another try. After `TRIES_MAX` it is given up.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from orders.models import EndedOrdersCursor, Notice
from orders.transitions import Status

GATHERED_MINUTES = 15  # ended orders wait for more of their kind: at most four mails an hour
SETTLING = timedelta(minutes=2)  # an end is written at once but seen after its commit; mails are in no hurry
WINDOW = timedelta(minutes=10)  # of ended orders per statement
LOOKS_BACK = timedelta(days=1)  # after a longer stop: what is older is no news
LISTED_MAX = 20  # orders in one mail; the rest is a number and a link
TRIES_MAX = 6
RETRY_FIRST = timedelta(minutes=5)  # doubled with each try: about five hours in all

logger = logging.getLogger(__name__)

# accounts.notices.address_of says it for one user.
_REACHABLE = """
    u.is_active AND CASE WHEN %(unverified)s::boolean THEN u.email <> '' ELSE EXISTS (
        SELECT 1 FROM account_emailaddress e WHERE e.user_id = u.id AND e."primary" AND e.verified
    ) END
"""

_FORGET_RISEN = """
    DELETE FROM orders_lowbalance t USING wallet_wallet w, accounts_noticechoices c
    WHERE w.user_id = t.customer_id AND c.user_id = t.customer_id
      AND (NOT c.low_balance OR w.balance >= c.low_balance_below)
"""

_TELL_FALLEN = f"""
    WITH told AS (
        INSERT INTO orders_lowbalance (customer_id)
        SELECT c.user_id
        FROM accounts_noticechoices c JOIN wallet_wallet w USING (user_id) JOIN accounts_user u ON u.id = c.user_id
        WHERE c.low_balance AND w.balance < c.low_balance_below AND {_REACHABLE}
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    )
    INSERT INTO orders_notice (customer_id, kind, order_ids, order_count, tries, due_at)
    SELECT customer_id, %(kind)s, '{{}}', 0, 0, statement_timestamp() FROM told
    ON CONFLICT (customer_id, kind) WHERE tries = 0 DO NOTHING
"""

_TELL_ENDED = f"""
    INSERT INTO orders_notice AS n (customer_id, kind, order_ids, order_count, tries, due_at)
    SELECT o.customer_id, %(kind)s, (array_agg(o.id ORDER BY o.id))[1:%(listed)s::integer], count(*), 0,
           statement_timestamp() + make_interval(mins => %(gathered)s)
    FROM orders_order o
    JOIN accounts_noticechoices c ON c.user_id = o.customer_id AND c.ended_orders
    JOIN accounts_user u ON u.id = o.customer_id
    WHERE o.archived_at IS NULL AND o.finished_at > %(since)s::timestamptz AND o.finished_at <= %(until)s::timestamptz
      AND o.status IN (%(partial)s, %(canceled)s) AND {_REACHABLE}
    GROUP BY o.customer_id
    ON CONFLICT (customer_id, kind) WHERE tries = 0 DO UPDATE SET
        order_ids = (n.order_ids || excluded.order_ids)[1:%(listed)s::integer],
        order_count = n.order_count + excluded.order_count
"""


def find_low_balances() -> None:
    """Write a notice for each wallet that is below its customer's threshold and was not told of since it was above."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_FORGET_RISEN)
        cursor.execute(_TELL_FALLEN, {"kind": Notice.Kind.LOW_BALANCE, "unverified": _takes_unverified()})


def find_ended_orders() -> bool:
    """Look at the next ten minutes of ended orders; say whether there is more to look at."""
    newest = timezone.now() - SETTLING
    EndedOrdersCursor.objects.get_or_create(pk=1, defaults={"until": newest})
    with transaction.atomic(durable=True):
        cursor = EndedOrdersCursor.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if cursor is None:
            return False  # somebody else is looking
        since = max(cursor.until, newest - LOOKS_BACK)
        until = min(since + WINDOW, newest)
        if until <= since:
            return False
        with connection.cursor() as statement:
            statement.execute(
                _TELL_ENDED,
                {
                    "kind": Notice.Kind.ENDED_ORDERS,
                    "partial": Status.PARTIAL,
                    "canceled": Status.CANCELED,
                    "since": since,
                    "until": until,
                    "listed": LISTED_MAX,
                    "gathered": GATHERED_MINUTES,
                    "unverified": _takes_unverified(),
                },
            )
        cursor.until = until
        cursor.save(update_fields=["until"])
    return until < newest


def _takes_unverified() -> bool:
    return settings.ACCOUNT_EMAIL_VERIFICATION == "none"


def claim_next() -> Notice | None:
    """Take the next notice that is due, for one try; if nothing more is heard of the try, it is due again."""
    with transaction.atomic(durable=True):
        notice = (
            Notice.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("customer")
            .filter(due_at__lte=Now())
            .order_by("due_at")
            .first()
        )
        if notice is None:
            return None
        wait = RETRY_FIRST * 2**notice.tries
        notice.tries += 1
        Notice.objects.filter(pk=notice.pk).update(tries=notice.tries, due_at=Now() + wait)
    return notice


def record_sent(notice: Notice) -> None:
    """Forget a notice that was sent, or that nobody wants any more."""
    Notice.objects.filter(pk=notice.pk).delete()


def record_failed(notice: Notice, reason: str) -> None:
    """Leave a notice for its next try; after the last one give it up."""
    logger.warning("notice %s, try %d of %d: %s", notice, notice.tries, TRIES_MAX, reason)
    if notice.tries >= TRIES_MAX:
        Notice.objects.filter(pk=notice.pk).delete()
