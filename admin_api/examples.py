"""What tools send and read, for the page that describes the API; a test holds them to its schema."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_MONEY = {"value": "0.85000", "currency_code": "USD", "formatted": "$0.85"}
_TIME = {"created": "2026-11-23 09:30:00", "created_timestamp": 1795426200}
_UPDATE = {"last_update": "2026-11-23 09:41:12", "last_update_timestamp": 1795426872}
_ORDER = {
    "id": 1832047,
    "external_id": "29948113",
    "user": "reseller",
    "creation_type": "api",
    "charge": _MONEY,
    "link": "https://instagram.com/your_handle",
    "start_count": 3572,
    "quantity": 1000,
    "remains": 150,
    "service_id": 1042,
    "service_name": "Instagram Followers",
    "service_type": "Default",
    "status": "in_progress",
    "provider": "Upstream",
    **_TIME,
    **_UPDATE,
    "by_hand": None,
    "actions": {
        "resend": False,
        "request_cancel": True,
        "cancel_and_refund": True,
        "set_partial": True,
        "edit_link": False,
        "refill": False,
    },
}
_WHOLE_ORDER = _ORDER | {"comments": "", "parameters": {}}
_TAKEN = _WHOLE_ORDER | {
    "external_id": "",
    "start_count": None,
    "remains": 1000,
    "provider": "By hand",
    "by_hand": {"run": 1, "quantity": 1000, "remains": 1000},
    "run": 1,
}
_USER = {
    "id": 17,
    "username": "reseller",
    "email": "reseller@example.com",
    "balance": {"value": "99.15000", "currency_code": "USD", "formatted": "$99.15"},
    "status": "active",
    **_TIME,
    "last_auth": "2026-11-23 09:12:44",
    "last_auth_timestamp": 1795425164,
}
_PAYMENT = {
    "payment_id": 412,
    "user": {"id": 17, "username": "reseller", "balance": _USER["balance"]},
    "amount": {"value": "25.50000", "currency_code": "USD", "formatted": "$25.50"},
    "method": "manual",
    "memo": "Bank 2026-11-22 / 17",
    "status": "completed",
    **_TIME,
}
_TICKET = {
    "id": 93,
    "user": "reseller",
    "subject": "Where is my order?",
    "department": "order",
    "status": "answered",
    "is_read": True,
    **_TIME,
    **_UPDATE,
}
_WHOLE_TICKET = _TICKET | {
    "messages": [
        {
            "id": 201,
            "sender_name": "reseller",
            "is_staff": False,
            "message": "It has not begun.",
            **_TIME,
            "files": [{"name": "screen.png", "content_type": "image/png", "size": 48213}],
        },
        {"id": 202, "sender_name": "clerk", "is_staff": True, "message": "It has now.", **_TIME, "files": []},
    ]
}


def _done(message: str, *, one: int = 1832047) -> dict[str, Any]:
    return {"count": 1, "list": [{"id": one, "result": "done", "message": message, "approval_id": None}]}


_CANCELED = _done("1832047: Canceled, 0.85000 of 0.85000 refunded.")
_LINK = {"link": "https://instagram.com/other_handle", "reason": "the customer mistyped it"}
_LINKED = _done("1832047: the link is changed for 1 run.")
_PARTIAL = {"remains": 150, "start_count": 3572}
_SET = _done("1832047: partial, 150 undelivered, 0.12750 given back.")

# By the name of the handler: what is sent (None where nothing is) and what `data` then is, or a row of a list.
EXAMPLES: dict[str, tuple[dict[str, Any] | None, Any]] = {
    "orders_list": (None, _ORDER),
    "orders_one": (None, _WHOLE_ORDER),
    "orders_pull": ({"service_ids": "1042", "limit": 100}, {"count": 1, "list": [_TAKEN]}),
    "orders_update": (
        {"orders": [{"id": 1832047, "status": "partial", "remains": 150}, {"id": 1832048, "start_count": 12}]},
        {
            "count": 2,
            "list": [
                *_SET["list"],
                {"id": 1832048, "result": "done", "message": "1832048: the start count is 12.", "approval_id": None},
            ],
        },
    ),
    "orders_edit_link": ({"id": 1832047, **_LINK}, _LINKED),
    "orders_edit_link_one": (_LINK, _LINKED),
    "orders_change_status": ({"ids": [1832047], "status": "completed"}, _done("1832047: completed.")),
    "orders_set_partial": ({"id": 1832047, **_PARTIAL}, _SET),
    "orders_set_partial_one": (_PARTIAL, _SET),
    "orders_request_cancel": ({"ids": "1832047"}, _done("1832047: the provider is asked to stop it.")),
    "orders_cancel": ({"ids": "1832047", "reason": "asked by phone"}, _CANCELED),
    "orders_resend": ({"ids": [1832047]}, _done("1832047: 1 run to be sent now.")),
    "refill_pull": (
        {"limit": 100},
        {
            "count": 1,
            "list": [{"id": 31, "order_id": 1832047, "status": "pending", **_TIME, "order": _WHOLE_ORDER}],
        },
    ),
    "refill_change_status": ({"ids": [31], "status": "completed"}, _done("31: the refill is now Completed.", one=31)),
    "cancel_pull": (
        {"limit": 100},
        {
            "count": 1,
            "list": [
                {"id": 1832047, "order_id": 1832047, "answer": "cannot be canceled", **_TIME, "order": _WHOLE_ORDER}
            ],
        },
    ),
    "cancel_reject": ({"ids": "1832047"}, _done("1832047: the request to cancel it is rejected; it goes on.")),
    "payments_list": (None, _PAYMENT),
    "payments_add": (
        {
            "username": "reseller",
            "amount": "25.50",
            "method": "Bank",
            "memo": "Bank",
            "reference": "Bank 2026-11-22 / 17",
        },
        {
            "payment_id": 412,
            "approval_id": None,
            "reference": "Bank 2026-11-22 / 17",
            "message": "Added 25.50000 USD, reference Bank 2026-11-22 / 17.",
            "user": "reseller",
            "amount": _PAYMENT["amount"],
        },
    ),
    "users_list": (None, _USER),
    "users_add": ({"username": "reseller", "email": "reseller@example.com"}, _USER),
    "tickets_list": (None, _TICKET),
    "tickets_one": (None, _WHOLE_TICKET),
    "tickets_reply": ({"ticket_id": 93, "message": "It has now."}, _WHOLE_TICKET),
    "tickets_reply_one": ({"message": "It has now.", "close": False}, _WHOLE_TICKET),
    "tickets_add": (
        {"username": "reseller", "subject": "Where is my order?", "message": "Tell us which one."},
        _WHOLE_TICKET,
    ),
}


def examples_of(name: str, *, is_list: bool) -> list[OpenApiExample]:
    """Return the example of an address: its body, and its answer in the envelope."""
    sent, data = EXAMPLES[name]
    answer: dict[str, Any] = {"data": data}
    if is_list:
        answer["data"] = {"count": 1, "list": [data]}
        answer["pagination"] = {"prev_page_href": None, "next_page_href": None, "offset": 0, "limit": 100}
    answer |= {"error_message": "", "error_code": 0}
    examples = [OpenApiExample("Answer", value=answer, response_only=True, status_codes=["200"])]
    if sent is not None:
        examples.append(OpenApiExample("Request", value=sent, request_only=True))
    return examples
