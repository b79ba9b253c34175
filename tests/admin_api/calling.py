"""What a tool of the staff does: it sends a key in a header and reads an envelope."""

from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from admin_api import keys
from admin_api.scopes import Scope
from tests.fixtures import PASSWORD

BASE = "/adminapi/v2"


class Tool:
    """A program with a key."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        """Send a GET and return the response."""
        return self.client.get(f"{BASE}/{path}", query, headers={"X-Api-Key": self.text})

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """Send JSON and return the response."""
        options = {"content_type": "application/json"} | options
        return self.client.post(
            f"{BASE}/{path}", {} if body is None else body, headers={"X-Api-Key": self.text}, **options
        )

    def data(self, path: str, **query: Any) -> Any:
        """Return what a GET that must go well answers."""
        return read(self.get(path, **query))

    def rows(self, path: str, **query: Any) -> Any:
        """Return the rows of a list."""
        return self.data(path, **query)["list"]


def read(response: Any, *, status: int = 200) -> Any:
    """Return the data of an answer that went well."""
    body = response.json()
    assert response.status_code == status, body
    assert (body["error_message"], body["error_code"]) == ("", 0)
    return body["data"]


def refusal(response: Any) -> tuple[int, str]:
    """Return the status of a refusal and its sentence; the envelope must say the same."""
    body = response.json()
    assert list(body) == ["data", "error_message", "error_code"], body
    assert body["data"] == {}
    assert body["error_code"] == response.status_code
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, body["error_message"]


def make_staff(*permissions: str, username: str = "clerk") -> User:
    """Make a member of the staff with the given permissions and no others."""
    user = User.objects.create_user(username=username, password=PASSWORD, is_staff=True)
    for name in permissions:
        app, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def tool_of(owner: User, *scopes: Scope) -> Tool:
    """Issue a key with the given scopes, all where none are given."""
    _, text = keys.issue_staff_key(owner=owner, name="Test", scopes=scopes or list(Scope))
    return Tool(text)
