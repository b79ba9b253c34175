"""Customers: list them, and add one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import password_validation
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from rest_framework import serializers

from accounts import registration
from accounts.errors import EmailTaken, UsernameTaken
from accounts.models import User
from admin_api import acting
from admin_api.endpoints import Call, endpoint
from admin_api.errors import Conflict
from admin_api.fields import ListedIdsField, MomentField, Money, MoneyField, SecondsField
from admin_api.paging import PageQuery, read_page
from admin_api.scopes import Scope
from admin_api.words import ACTIVE, SUSPENDED, USER_WORDS
from staff import audit

USERNAME_MIN_CHARACTERS = 3
USERNAME_MAX_CHARACTERS = 150
PASSWORD_MAX_CHARACTERS = 128


class UserQuery(PageQuery):
    """What a list of customers is narrowed to."""

    ids = ListedIdsField(required=False)
    username = serializers.CharField(required=False, max_length=150, help_text="The whole user name.")
    email = serializers.CharField(required=False, max_length=254, help_text="The whole address.")
    status = serializers.ChoiceField(required=False, choices=USER_WORDS)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A customer with what is in the wallet."""

    user: User

    @property
    def balance(self) -> Money:
        """What can be spent."""
        return Money(self.user.wallet.balance, self.user.wallet.currency)

    @property
    def status(self) -> str:
        """Whether the customer may order."""
        return SUSPENDED if self.user.is_suspended or not self.user.is_active else ACTIVE


class UserAnswer(serializers.Serializer[Any]):
    """A customer."""

    id = serializers.IntegerField(source="user.pk")
    username = serializers.CharField(source="user.username")
    email = serializers.CharField(source="user.email", allow_blank=True)
    balance = MoneyField()
    status = serializers.ChoiceField(choices=USER_WORDS)
    created = MomentField(source="user.date_joined")
    created_timestamp = SecondsField(source="user.date_joined")
    last_auth = MomentField(source="user.last_login", allow_null=True)
    last_auth_timestamp = SecondsField(source="user.last_login", allow_null=True)


class AddUser(serializers.Serializer[Any]):
    """A new customer."""

    username = serializers.CharField(
        min_length=USERNAME_MIN_CHARACTERS,
        max_length=USERNAME_MAX_CHARACTERS,
        validators=[UnicodeUsernameValidator()],
    )
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(
        required=False,
        allow_null=True,
        trim_whitespace=False,
        max_length=PASSWORD_MAX_CHARACTERS,
        help_text="Without one the customer sets it by the mail of a password reset.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask of a password what the sign-up form asks."""
        if attrs.get("password"):
            user = User(username=attrs["username"], email=attrs["email"])
            try:
                password_validation.validate_password(attrs["password"], user)
            except ValidationError as error:
                raise serializers.ValidationError({"password": error.messages}) from error
        return attrs


def customers() -> QuerySet[User]:
    """Return those who buy: users with a wallet."""
    return User.objects.filter(wallet__isnull=False, is_staff=False).select_related("wallet")


def _rows(users: Sequence[User]) -> Sequence[UserRow]:
    return [UserRow(user) for user in users]


@endpoint(
    method="GET",
    scope=Scope.USERS_READ,
    permissions=["accounts.view_user", "wallet.view_wallet"],
    sends=UserQuery,
    answers=UserAnswer,
    is_list=True,
    summary="List customers",
)
def users_list(call: Call) -> Any:
    """List customers with their balances, newest first. Staff are not among them."""
    users = customers()
    if ids := call.sent.get("ids"):
        users = users.filter(pk__in=ids)
    if username := call.sent.get("username"):
        users = users.filter(username=username)
    if email := call.sent.get("email"):
        # As the unique index has it.
        users = users.exclude(email="").alias(address=Lower("email")).filter(address=email.lower())
    if status := call.sent.get("status"):
        may_order = Q(is_active=True, is_suspended=False)
        users = users.filter(may_order if status == ACTIVE else ~may_order)
    return read_page(users.order_by("-pk"), dict(call.sent), complete=_rows)


@endpoint(
    method="POST",
    scope=Scope.USERS_WRITE,
    permissions=["accounts.add_user"],
    sends=AddUser,
    answers=UserAnswer,
    summary="Add a customer",
)
def users_add(call: Call) -> Any:
    """Create a customer with an empty wallet in the base currency."""
    sent = call.sent
    try:
        with transaction.atomic():
            user = registration.register_customer(
                username=sent["username"], email=sent["email"], password=sent.get("password") or None
            )
            audit.record(
                actor=call.staff,
                operation="accounts.add_customer",
                subject_model="accounts.user",
                subject_id=user.pk,
                after={"username": user.username, "email": user.email},
                reason=acting.reason_of(call),
                outcome=f"Added the customer {user.username}.",
                origin=acting.origin_of(call),
            )
    except UsernameTaken:
        raise Conflict("Somebody has this user name, be it in other capitals.") from None
    except EmailTaken:
        raise Conflict("Somebody has this mail address, be it in other capitals.") from None
    return UserRow(customers().get(pk=user.pk))
