"""The table of error texts: complete, frozen, and given in the written order."""

import importlib
import pkgutil

import pytest
from django.conf import settings
from django.db import connection

from accounts.errors import InvalidApiKey
from accounts.models import ApiKey, User
from api_v2 import throttling
from api_v2.errors import TEXTS, IncorrectRequest, describe
from catalog.models import Service
from orders.errors import DripfeedIncomplete, DripfeedNotOffered, ParameterMissing
from panel.errors import DomainError
from tests.fixtures import LINK, call_api, funded, key_of, nothing_moves, post_api, refused_api

pytestmark = pytest.mark.django_db

# Clients match on these; a change here breaks them.
FROZEN = {
    "AccountSuspended": "Account suspended",
    "CancelNotAvailable": "Cancel not available",
    "DripfeedIncomplete": "Incorrect request",
    "DripfeedNotOffered": "Incorrect request",
    "IncorrectRequest": "Incorrect request",
    "InsufficientBalance": "Insufficient balance",
    "InvalidApiKey": "Invalid API key",
    "OrderAlreadyCompleted": "Order already completed",
    "OrderNotEligibleForRefill": "Order not eligible for refill",
    "OrderNotFound": "Incorrect order ID",
    "ParameterMissing": "Incorrect request",
    "QuantityTooHigh": "Quantity is too high",
    "QuantityTooLow": "Quantity is too low",
    "RateLimitExceeded": "Rate limit exceeded",
    "RefillNotAvailable": "Refill not available",
    "RefillNotFound": "Refill not found",
    "ServiceNotActive": "Service is not active",
}

# What staff or the key page may be refused, and no API client. A new refusal must be put here or get a text.
NOT_FOR_CLIENTS = {
    "AlreadyPosted",
    "AmountRefused",
    "AmountTooHigh",
    "AmountTooLow",
    "ApprovalOver",
    "AskerMayNot",
    "AttachmentTooLarge",
    "AttachmentTypeRefused",
    "CancelNotRequested",
    "CancelUnderWay",
    "CouponNeedsMore",
    "CouponUnknown",
    "CouponUsed",
    "CouponUsedUp",
    "EmailTaken",
    "FeeTakesAll",
    "GatewayNotOffered",
    "GatewayRefused",
    "GatewayUnreachable",
    "GiftChanged",
    "GiftSwitchedAlready",
    "JobOver",
    "LinkUnusable",
    "MassOrderAlreadyEnded",
    "MassOrderNotFound",
    "NotACustomer",
    "NotForHands",
    "NotForMassOrders",
    "NotImportable",
    "NotOfCategory",
    "NotToTakeNow",
    "NothingSelected",
    "NothingToChange",
    "OrderHasEnded",
    "OrdersNotFound",
    "Outgrown",
    "OwnApproval",
    "OwnMoney",
    "PageNotFound",
    "PaymentNotFound",
    "PaymentOver",
    "PlacementFailed",
    "PriceRose",
    "PriceTooHigh",
    "PricesMoved",
    "ProviderCurrencyUnknown",
    "ProviderNotAsked",
    "ProviderOrderMissing",
    "ProviderOrderTaken",
    "ProviderOrderUnreadable",
    "ReasonMissing",
    "RefillEnded",
    "RefillNotInDoubt",
    "RemainsImpossible",
    "ReportImpossible",
    "ReviewAlreadyResolved",
    "ReviewNotFound",
    "RouteExists",
    "RouteLosesMoney",
    "RouteNotOffered",
    "RunAtProvider",
    "RunInFlight",
    "RunNotByHand",
    "RunNotHeld",
    "RunNotSent",
    "RunNotTaken",
    "SameCustomer",
    "ServiceNotFound",
    "StartCountImpossible",
    "SubjectGone",
    "TicketNotFound",
    "TooFineAmount",
    "TooManyApiKeys",
    "TooManyAttachments",
    "TooManyCouponTries",
    "TooManyFavourites",
    "TooManyMessages",
    "TooManyOpenPayments",
    "TooManyOpenTickets",
    "TooManySelected",
    "TooMuchAttached",
    "UsernameTaken",
}


def subclasses(root):
    for child in root.__subclasses__():
        yield child
        yield from subclasses(child)


def our_refusals():
    """Return every domain error of the program by name, wherever it is defined."""
    for app in (
        "accounts",
        "api_v2",
        "catalog",
        "content",
        "orders",
        "panel",
        "payments",
        "providers",
        "support",
        "wallet",
    ):
        for module in pkgutil.iter_modules([str(settings.BASE_DIR / app)]):
            if module.name == "errors":
                importlib.import_module(f"{app}.errors")
    return {
        error.__name__: error
        for error in subclasses(DomainError)
        if error.__module__.endswith(".errors") and not error.__module__.startswith(("tests", "admin_api", "dashboard"))
    }


def test_texts_are_frozen():
    assert {error.__name__: text for error, text in TEXTS.items()} == FROZEN


def test_every_refusal_has_a_text_or_is_not_for_clients():
    assert set(our_refusals()) == set(FROZEN) | NOT_FOR_CLIENTS


def test_only_incorrect_requests_have_a_detail():
    facts = {
        IncorrectRequest: {"detail": "What is wrong."},
        ParameterMissing: {"parameter": "comments"},
        DripfeedIncomplete: {},
        DripfeedNotOffered: {},
    }
    for error, text in TEXTS.items():
        if error in facts:
            answer = describe(error(**facts[error]))
            assert list(answer) == ["error", "detail"]
            assert answer["detail"].endswith(".")
        elif error.__init__ is DomainError.__init__:
            assert describe(error()) == {"error": text}


def test_a_refusal_without_text_is_a_bug():
    class Unknown(DomainError):
        pass

    with pytest.raises(KeyError):
        describe(Unknown())


def test_precedence(customer, followers):
    """One request that is wrong in every way is refused for one thing at a time, in the written order."""
    fast = User.objects.filter(pk=customer.pk)
    params = {
        "key": "0" * 32,
        "action": "ad",
        "service": "10",
        "link": "",
        "quantity": "1",
    }

    def refusal(**repaired):
        params.update(repaired)
        with nothing_moves():
            answer = post_api(params).json()
        return answer.get("detail", answer["error"])

    assert refusal() == "Invalid API key"

    key = key_of(customer)
    fast.update(requests_per_second=1)
    for _ in range(int(throttling.BACKLOG_SECONDS)):
        throttling.check_rate(key_id=ApiKey.objects.get(user=customer).pk, requests_per_second=1)
    assert refusal(key=key) == "Rate limit exceeded"

    fast.update(requests_per_second=60)
    assert refusal().startswith("'action' must be one of")
    assert refusal(action="add") == "'link' is missing."
    assert refusal(link=LINK, runs="5") == "Drip-feed needs both 'runs' and 'interval'."
    assert refusal(interval="5") == "Service is not active"
    assert refusal(service="1042") == "Quantity is too low"
    assert refusal(quantity="1000000") == "Quantity is too high"
    assert refusal(quantity="1000") == "Insufficient balance"

    funded(customer, "1")
    assert list(post_api(params).json()) == ["order"]


def test_the_service_comes_before_what_its_type_needs(customer, make_service):
    """Which parameters a type needs is only known of a service that is there."""
    make_service(id=7, type="Custom Comments")
    params = {"action": "add", "service": 7, "link": LINK}

    assert call_api(customer, **params)["error"] == "Incorrect request"
    Service.objects.update(is_active=False)
    assert call_api(customer, **params) == {"error": "Service is not active"}


def test_suspension_comes_after_the_rate_limit_and_before_the_action(customer):
    key_of(customer)
    account = User.objects.filter(pk=customer.pk)
    account.update(is_suspended=True, requests_per_second=1)
    for _ in range(int(throttling.BACKLOG_SECONDS)):
        throttling.check_rate(key_id=ApiKey.objects.get(user=customer).pk, requests_per_second=1)

    assert refused_api(customer, action="nonsense") == {"error": "Rate limit exceeded"}
    account.update(requests_per_second=60)
    assert refused_api(customer, action="nonsense") == {"error": "Account suspended"}


@pytest.mark.parametrize("action", ["", "null", "Balance", "orders", "balance2", "__class__", "add,balance"])
def test_refuses_unknown_actions(customer, action):
    assert call_api(customer, action=action) == {
        "error": "Incorrect request",
        "detail": "'action' must be one of services, add, status, cancel, refill, refill_status, balance.",
    }


def test_a_crash_is_json_too(customer, caplog):
    """A table that is gone stands for any bug."""
    body = {"key": key_of(customer), "action": "balance"}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog_catalogversion RENAME TO elsewhere")

    response = post_api(body)

    assert response.status_code == 500
    assert response.content == b'{"error":"Internal error"}'
    assert response.headers["Content-Type"] == "application/json"
    assert "an API call crashed" in caplog.text
    assert body["key"] not in caplog.text


def test_invalid_key_is_the_only_answer_to_strangers(customer, followers):
    """Without a key nothing can be learnt: not which actions, services or orders there are."""
    answers = {
        post_api({"key": "f" * 32, **params}).content
        for params in [{}, {"action": "x"}, {"action": "services"}, {"action": "status", "order": "1"}, {"order": "1"}]
    }

    assert answers == {b'{"error":"%s"}' % TEXTS[InvalidApiKey].encode()}
