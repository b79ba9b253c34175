"""The table of sentences: every known one has its meaning, and nothing else has any."""

import time

import pytest

from api_v2 import errors as protocol
from providers import refusals
from providers.errors import LinkBusy, ProviderError, Refused, RefusedForNow

# What panels in the wild answer to `add`.
TO_ORDERS: dict[type[ProviderError] | None, tuple[str, ...]] = {
    RefusedForNow: (
        "Not enough funds on balance",
        "Not enough funds on the balance",
        "Not enough funds",
        "neworder.error.not_enough_funds",
        "not_enough_funds",
        "Insufficient balance",
        "Insufficient funds.",
        "You do not have enough funds to Place order",
        "You don't have enough balance",
        "You don’t have enough balance!",
        "Your balance is too low",
        "Order amount exceeds available funds!",
        "Rate limit exceeded",
        "API rate limit reached, slow down",
        "Too many requests",
        "Too Many Requests. Please try again later.",
        "Invalid API key",
        "invalid api key",
        "Incorrect API key",
        "API key is invalid",
        "Wrong api key",
        "Invalid key",
        "Missing/invalid key",
        "Invalid or missing API key",
        "Unauthorized",
        "API is Disable for this user or User Not Found! Contact the Support        ",
        "User disabled",
        "Account suspended",
        "Your account has been suspended.",
        "Your account is blocked, contact support",
        "Maintenance",
        "The panel is under maintenance",
        "Site is currently under maintenance. Please come back later",
    ),
    LinkBusy: (
        "You have active order with this link. Please wait until order being completed.",
        "You have active order with this link.",
        "You have an active order with this link",
        "You have already an active order for this link on this service id, wait until it is completed or cancelled",
        "There is already an active order for this link",
        "neworder.error.link_duplicate",
        "link_duplicate",
        "Duplicate order",
        "This link is being processed",
        "Link currently active",
        "Please wait until order being completed",
    ),
    Refused: (
        "Incorrect request",
        "Bad request",
        "This action is Invalid",
        "There are missing required parameters. Please check your API Manual",
        "Missing parameters",
        "Incorrect service ID",
        "error.incorrect_service_id",
        "neworder.error.incorrect_service_id",
        "error.bad_service_id",
        "neworder.error.service_not_found",
        "neworder.error.service_inactive",
        "error.invalid_service",
        "Invalid service",
        "Disabled service ID",
        "Service is not active",
        "Service is disabled",
        "Service not found",
        "Service ID does not exists",
        "This service is not available",
        "Quantity is too low",
        "Quantity is too high",
        "Quantity less than minimal 100",
        "Quantity less than minimal ~100",
        "Quantity more than maximum 10000",
        "Quantity less than maximum 100",
        "Quantity must to be greater than or equal to minimum amount 50",
        "Quantity must be a multiple of 10",
        "neworder.error.min_quantity",
        "neworder.error.max_quantity",
        "Min quantity",
        "Minimum order quantity is 10",
        "Incorrect quantity",
        "Quantity is required",
        "Order amount exceeds available minimum or maximum!",
        "Bad link",
        "bad_link",
        "Invalid Link",
        "Incorrect link",
        "Link is required",
        "Invalid link format",
        "neworder.error.link",
        "neworder.error.invalid_link",
        "neworder.error.link_not_found",
        "Link is private or does not exist",
        "This account is private",
        "Video not found",
        "Service is unavailable",
        "Comments field is required",
        "You can not order more than 5000 per link",
    ),
    None: (
        "",
        "Mercury is in retrograde",
        "Something went wrong",
        "Error",
        "Internal error",
        "There was an error processing your request. Please try again later.",
        "Order created, but your balance is too low",  # begins with what was done
        "Your order 5001 was placed. Not enough funds on balance for another",
        "Order 17: invalid link replaced",
        "Timeout",
        "Service temporarily unavailable, try again",
        "Service Unavailable",  # a web server's words
        "User not found",  # the one to be followed, or we
        "Account not found",
        "Incorrect order ID",
        "x" * 501,
    ),
}
TO_THE_REST: dict[type[ProviderError] | None, tuple[str, ...]] = {
    RefusedForNow: TO_ORDERS[RefusedForNow],
    Refused: (
        "Incorrect request",
        "Incorrect order ID",
        "Incorrect order id 5",
        "Order not found",
        "Order does not exist",
        "Refill not found",
        "Incorrect refill ID",
        "Incorrect task ID",
        "Order already completed",
        "Order is already canceled",
        "The order is not completed",
        "Order not eligible for refill",
        "Refill not available",
        "Refill is disabled for this service",
        "Refill already requested",
        "Cancel not available",
        "Cannot cancel",
        "Order can't be cancelled",
        "The order was completed or refill was requested less than 24 hours ago",
        "This service does not support refill",
    ),
    None: ("", "Mercury is in retrograde", "Internal error", "Refill not available, but a ticket was opened", "Error"),
}
# Each text of our own protocol, as another panel of ours would read it in answer to an order, and to anything else.
OURS: dict[str, tuple[type[ProviderError] | None, type[ProviderError] | None]] = {
    "Invalid API key": (RefusedForNow, RefusedForNow),
    "Account suspended": (RefusedForNow, RefusedForNow),
    "Rate limit exceeded": (RefusedForNow, RefusedForNow),
    "Insufficient balance": (RefusedForNow, RefusedForNow),
    "Incorrect request": (Refused, Refused),
    "Service is not active": (Refused, None),
    "Quantity is too low": (Refused, None),
    "Quantity is too high": (Refused, None),
    "Incorrect order ID": (None, Refused),
    "Order already completed": (None, Refused),
    "Cancel not available": (None, Refused),
    "Refill not available": (None, Refused),
    "Order not eligible for refill": (None, Refused),
    "Refill not found": (None, Refused),
    "Internal error": (None, None),  # a crash says nothing about what was done before it
}


@pytest.mark.parametrize(("text", "meaning"), [(text, kind) for kind, texts in TO_ORDERS.items() for text in texts])
def test_what_an_order_is_told(text: str, meaning: type[ProviderError] | None) -> None:
    assert refusals.classify_order_refusal(text) is meaning
    assert refusals.classify_order_refusal(f"  {text.upper()}. ") is meaning


@pytest.mark.parametrize(("text", "meaning"), [(text, kind) for kind, texts in TO_THE_REST.items() for text in texts])
def test_what_any_other_call_is_told(text: str, meaning: type[ProviderError] | None) -> None:
    assert refusals.classify_refusal(text) is meaning


def test_each_of_our_own_texts_is_known() -> None:
    assert set(OURS) == {*protocol.TEXTS.values(), protocol.INTERNAL_ERROR}
    for text, meanings in OURS.items():
        assert (refusals.classify_order_refusal(text), refusals.classify_refusal(text)) == meanings, text


@pytest.mark.parametrize("text", ["Incorrect order ID", "Order not found", "Refill not found", "Wrong order id"])
def test_ids_that_nobody_knows(text: str) -> None:
    assert refusals.says_unknown_id(text)
    assert not refusals.says_unknown_id("Order already completed")


@pytest.mark.parametrize("word", ["order ", "wait until order ", "quantity ", "the ", "( ", "api key ", "not enough "])
def test_long_texts_are_read_in_no_time(word: str) -> None:
    started = time.perf_counter()
    for classify in (refusals.classify_order_refusal, refusals.classify_refusal):
        classify((word * 500)[: refusals.TEXT_CHARACTERS_MAX])
        classify(word * 1_000_000)
    assert time.perf_counter() - started < 1
