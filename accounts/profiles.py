"""What customers say about themselves: how to call them, in which language, by which clock."""

from django.db import IntegrityError, transaction

from accounts.errors import UsernameTaken
from accounts.models import User
from panel.errors import violated_constraint

USERNAME_CONSTRAINTS = {"user_username_unique", "accounts_user_username_key"}


def change_profile(*, user: User, username: str, name: str, language: str, time_zone: str) -> None:
    """Write a user's profile; `user` then holds it too.

    :param language: empty follows the browser.
    :raises UsernameTaken: by somebody else, in whatever capitals; nothing is changed.
    """
    profile = {"username": username, "first_name": name, "language": language, "time_zone": time_zone}
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(**profile)
    except IntegrityError as error:
        if violated_constraint(error) in USERNAME_CONSTRAINTS:
            raise UsernameTaken from error
        raise
    for field, value in profile.items():
        setattr(user, field, value)
