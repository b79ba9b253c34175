"""Orders, the runs in which they are delivered, and everything that happened to them; a file for each subject.

The rules PostgreSQL itself keeps (transitions, append-only events) are in
`migrations/0002_order_rules.py`.
"""

from orders.models.attempt import Attempt, ReviewItem
from orders.models.event import OrderEvent
from orders.models.mass_order import MassOrder, MassOrderLine
from orders.models.notice import EndedOrdersCursor, LowBalance, Notice
from orders.models.order import LINK_MAX_CHARACTERS, Order
from orders.models.requests import Cancellation, Refill, RefillPart
from orders.models.run import HeldRun, Run, ServicePace, StuckRun
from orders.models.tracking_turn import TrackingTurn
from orders.models.walk import Walk

__all__ = [
    "LINK_MAX_CHARACTERS",
    "Attempt",
    "Cancellation",
    "EndedOrdersCursor",
    "HeldRun",
    "LowBalance",
    "MassOrder",
    "MassOrderLine",
    "Notice",
    "Order",
    "OrderEvent",
    "Refill",
    "RefillPart",
    "ReviewItem",
    "Run",
    "ServicePace",
    "StuckRun",
    "TrackingTurn",
    "Walk",
]
