"""What a member of the staff does with a mouse."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from accounts.models import User


def with_second_factor(user: User) -> Client:
    """Log in a member of the staff who has turned on TOTP and gave a code."""
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "not-used-here"})
    client = Client()
    client.force_login(user)
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, "mfa")
    request.session.save()
    return client


def page_of(obj: Any) -> str:
    """Return the address of an object's page."""
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])


def list_page_of(model: Any) -> str:
    """Return the address of the list of a model."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of_action(obj: Any, action: str) -> str:
    """Return the address of an action's page."""
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_{action}", args=[obj.pk])


def run_action(client: Client, obj: Any, action: str, **data: Any) -> Any:
    """Send an action's form, confirmed, and return the answer."""
    return client.post(page_of_action(obj, action), {"confirmed": "on"} | data)


def told(response: Any) -> str:
    """Return what the next page will say."""
    return "\n".join(str(message) for message in get_messages(response.wsgi_request))


def complaints(response: Any) -> str:
    """Return what a form that came back complains about."""
    assert response.status_code == 200
    errors = response.context["form"].errors
    assert errors
    return "\n".join(f"{field}: {text}" for field, texts in errors.items() for text in texts)
