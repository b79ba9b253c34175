"""The profile as the domain keeps it, and what follows from it on every page."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone, translation

from accounts import profiles, time_zones
from accounts.errors import UsernameTaken
from accounts.models import User
from accounts.preferences import UsePreferences, preferences_of

pytestmark = pytest.mark.django_db

PROFILE = {"username": "customer", "name": "Ana", "language": "es", "time_zone": "Europe/Madrid"}


def test_a_profile_is_written_and_known_at_once(customer):
    profiles.change_profile(user=customer, **PROFILE)

    stored = User.objects.get(pk=customer.pk)
    for user in (customer, stored):
        assert (user.first_name, user.language, user.time_zone) == ("Ana", "es", "Europe/Madrid")


@pytest.mark.parametrize("username", ["other", "OTHER"])
def test_a_name_of_somebody_else_changes_nothing(customer, other_customer, username):
    with pytest.raises(UsernameTaken):
        profiles.change_profile(user=customer, **{**PROFILE, "username": username})

    customer.refresh_from_db()
    assert (customer.username, customer.first_name) == ("customer", "")


def test_ones_own_name_may_change_its_capitals(customer):
    profiles.change_profile(user=customer, **{**PROFILE, "username": "Customer"})

    assert User.objects.get(pk=customer.pk).username == "Customer"


def answer_for(user: User, view) -> HttpResponse:
    request = HttpRequest()
    request.COOKIES["sessionid"] = "x"
    request.user = user
    return UsePreferences(view)(request)


def test_what_is_streamed_speaks_as_the_page_does_and_leaves_no_trace(customer):
    profiles.change_profile(user=customer, **PROFILE)

    def lines():
        for _ in range(2):
            yield f"{translation.get_language()} {timezone.get_current_timezone_name()}".encode()

    response = answer_for(customer, lambda request: StreamingHttpResponse(lines()))
    stream = iter(response)

    assert next(stream) == b"es Europe/Madrid"
    assert timezone.get_current_timezone_name() == "UTC"
    assert list(stream) == [b"es Europe/Madrid"]
    assert translation.get_language() == "en"


def test_a_zone_that_this_machine_does_not_know_is_utc(customer):
    customer.time_zone = "Mars/Olympus"

    response = answer_for(customer, lambda request: HttpResponse(timezone.get_current_timezone_name()))

    assert response.content == b"UTC"


def test_mails_speak_the_sites_language_to_whoever_chose_none(customer):
    with translation.override("es"), preferences_of(customer):
        assert translation.get_language() == "en"


def test_zones_are_listed_with_their_distance_from_utc():
    zones = {zone.name: zone for of in time_zones.list_zones().values() for zone in of}

    assert zones["Asia/Kolkata"][1:] == ("Kolkata", "UTC+5:30")
    assert zones["America/Argentina/Buenos_Aires"][1:] == ("Argentina, Buenos Aires", "UTC−3")
    assert zones["Africa/Abidjan"].offset == "UTC"
    assert "US/Eastern" not in zones


def test_offsets_follow_summer_time():
    madrid = ZoneInfo("Europe/Madrid")

    assert time_zones.format_offset(datetime(2026, 1, 1, tzinfo=UTC).astimezone(madrid)) == "UTC+1"
    assert time_zones.format_offset(datetime(2026, 7, 1, tzinfo=UTC).astimezone(madrid)) == "UTC+2"
