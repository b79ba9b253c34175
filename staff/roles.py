"""The roles staff can have: groups of permissions, made once and then the owner's to change."""

from fnmatch import fnmatchcase

from django.contrib.auth.models import Group, Permission

_LOOK = (
    "accounts.view_user", "accounts.view_apikey", "accounts.view_impersonation", "accounts.add_customernote",
    "catalog.view_*", "content.view_*", "orders.view_*", "providers.view_*", "staff.view_bulk*", "support.view_*",
    # A key can do no more than its owner; managing those of others is for owners.
    "admin_api.add_staffkey", "admin_api.view_staffkey",
)  # fmt: skip
_ANSWER = (
    "accounts.add_impersonation", "orders.change_refill", "support.change_ticket", "support.add_*", "support.change_*",
)  # fmt: skip
_MONEY = (
    "payments.*", "reports.view_*", "staff.decide_approval", "staff.view_approval", "wallet.view_*",
    "wallet.add_deposit", "wallet.change_wallet",
)  # fmt: skip
_MANAGE = (
    "accounts.change_user", "accounts.change_apikey", "catalog.*", "content.*", "orders.*", "providers.*",
    "staff.stop_bulkjob", "status.*", "support.*",
)  # fmt: skip

# Patterns of permissions. Whom a superuser makes one of the staff has no rights before a role is given.
ROLES: dict[str, tuple[str, ...]] = {
    "Owner": ("*",),
    "Manager": (*_LOOK, *_ANSWER, *_MONEY, *_MANAGE),
    "Finance": (*_LOOK, *_MONEY),
    "Support": (*_LOOK, *_ANSWER),
}


def make_roles() -> None:
    """Make the groups that are not there; one that is stays as the owner left it."""
    missing = ROLES.keys() - set(Group.objects.filter(name__in=ROLES).values_list("name", flat=True))
    if not missing:
        return
    known = list(Permission.objects.select_related("content_type"))
    for name in sorted(missing):
        group = Group.objects.create(name=name)
        group.permissions.set(p for p in known if any(fnmatchcase(label_of(p), pattern) for pattern in ROLES[name]))


def label_of(permission: Permission) -> str:
    """Return a permission as `has_perm` names it."""
    return f"{permission.content_type.app_label}.{permission.codename}"
