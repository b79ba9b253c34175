"""The protocol's actions as an honest panel answers them."""

from typing import Any

from tests.fake_provider.book import Book, Goods

Fields = dict[str, str]


def answer(book: Book, fields: Fields) -> Any:
    """Carry a call out and return the answer."""
    action = _ACTIONS.get(fields.get("action", ""))
    return {"error": "Incorrect request"} if action is None else action(book, fields)


def _services(book: Book, _fields: Fields) -> Any:
    return [
        {
            "service": int(goods.id),
            "name": goods.name,
            "type": goods.type,
            "category": goods.category,
            "rate": goods.cost,
            "min": str(goods.min),
            "max": str(goods.max),
            "refill": goods.refill,
            "cancel": goods.cancel,
            "dripfeed": goods.dripfeed,
        }
        for goods in book.shelf.values()
    ]


def _balance(book: Book, _fields: Fields) -> Any:
    return {"balance": f"{book.balance:.5f}", "currency": "USD"}


def _add(book: Book, fields: Fields) -> Any:
    goods = book.shelf.get(fields.get("service", ""))
    if goods is None:
        return {"error": "Incorrect service ID"}
    quantity = _quantity(goods, fields)
    if quantity < goods.min:
        return {"error": f"Quantity less than minimal {goods.min}"}
    if quantity > goods.max:
        return {"error": f"Quantity more than maximum {goods.max}"}
    known = ("key", "action", "service", "link", "quantity")
    parameters = {name: value for name, value in fields.items() if name not in known}
    order = book.take(service=goods.id, link=fields.get("link", ""), quantity=quantity, parameters=parameters)
    return {"order": int(order.id)}


def _quantity(goods: Goods, fields: Fields) -> int:
    """Find out how much is ordered; types that count lines or sell one thing ignore the parameter."""
    counted = {"Custom Comments": "comments", "Comment Replies": "comments", "Mentions Custom List": "usernames"}
    if goods.type in counted:
        return len(fields.get(counted[goods.type], "").splitlines())
    return 1 if goods.type in ("Package", "Custom Comments Package") else int(fields.get("quantity", "0"))


def _status(book: Book, fields: Fields) -> Any:
    unknown = {"error": "Incorrect order ID"}
    if "orders" in fields:
        return {one: book.report(one) or unknown for one in fields["orders"].split(",")}
    return book.report(fields.get("order", "")) or unknown


def _cancel(book: Book, fields: Fields) -> Any:
    answers = ((one, book.cancel(one)) for one in fields.get("orders", "").split(","))
    return [{"order": _number(one), "cancel": {"error": no} if no else 1} for one, no in answers]


def _refill(book: Book, fields: Fields) -> Any:
    refill_id, no = book.refill(fields.get("order", ""))
    return {"error": no} if no else {"refill": refill_id}


def _refill_status(book: Book, fields: Fields) -> Any:
    unknown = {"error": "Refill not found"}
    asked = fields.get("refills", "").split(",")
    return [{"refill": _number(one), "status": book.refill_status(one) or unknown} for one in asked]


_ACTIONS = {
    "services": _services,
    "balance": _balance,
    "add": _add,
    "status": _status,
    "cancel": _cancel,
    "refill": _refill,
    "refill_status": _refill_status,
}


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text
