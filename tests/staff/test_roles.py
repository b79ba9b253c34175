"""The roles that are made with the database."""

from fnmatch import fnmatchcase

import pytest
from django.contrib.auth.models import Group, Permission

from accounts.models import User
from staff.operations import registry
from staff.roles import ROLES, label_of, make_roles
from tests.staff.conftest import member

pytestmark = pytest.mark.django_db


def test_every_pattern_is_about_something() -> None:
    labels = [label_of(permission) for permission in Permission.objects.select_related("content_type")]

    for pattern in {pattern for patterns in ROLES.values() for pattern in patterns}:
        assert any(fnmatchcase(label, pattern) for label in labels), pattern


def test_roles_have_all_that_their_patterns_name() -> None:
    labels = {label_of(permission) for permission in Permission.objects.select_related("content_type")}

    for name, patterns in ROLES.items():
        permissions = Group.objects.get(name=name).permissions.select_related("content_type")
        wanted = {label for label in labels if any(fnmatchcase(label, pattern) for pattern in patterns)}
        assert {label_of(permission) for permission in permissions} == wanted


def test_operations_ask_for_permissions_that_exist() -> None:
    labels = {label_of(permission) for permission in Permission.objects.select_related("content_type")}

    assert {operation.permission for operation in registry.list_operations()} <= labels


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("Owner", ["staff.view_auditentry", "wallet.add_deposit", "auth.change_group"], []),
        (
            "Manager",
            ["reports.view_dayfigure", "catalog.change_service"],
            ["staff.view_auditentry", "auth.change_group"],
        ),
        (
            "Finance",
            ["reports.view_dayfigure", "staff.decide_approval"],
            ["orders.change_order", "accounts.change_user"],
        ),
        ("Support", ["support.change_ticket", "orders.view_order"], ["reports.view_dayfigure", "wallet.view_wallet"]),
    ],
)
def test_role_may_do_its_work_and_no_more(role: str, may: list[str], may_not: list[str]) -> None:
    user: User = member(role.lower(), role)

    assert user.has_perms(may)
    assert not any(user.has_perm(label) for label in may_not)


def test_role_that_the_owner_changed_stays_so() -> None:
    group = Group.objects.get(name="Support")
    group.permissions.clear()

    make_roles()

    assert not group.permissions.exists()
