"""What every address of the Admin API shares: the key, its scope, its owner's permission, the limit, the envelope."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone, translation
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from admin_api import paging, throttling
from admin_api.answers import OK, envelope, handle_exception
from admin_api.authentication import StaffKeyAuthentication
from admin_api.examples import examples_of
from admin_api.models import StaffKey
from admin_api.paging import Page
from admin_api.parsers import BoundedFormParser, BoundedJSONParser
from admin_api.scopes import Scope


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: who, from where, and what it sent."""

    key: StaffKey
    staff: User
    address: str
    sent: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered where it is not simply data with status 200."""

    data: Any
    status: int = OK
    code: int = 0
    message: str = ""


# Does what an address is for: gets the call, and the ids of the address by name; returns data, a page of a list, or a
# whole answer.
Handler = Callable[..., Any]


class AlwaysJson(BaseContentNegotiation):
    """Answer in JSON whatever is accepted: a tool that asks for HTML by habit can read it too."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> Any:
        """Choose by what the body says it is; JSON where it says nothing."""
        sent = (request.content_type or "").partition(";")[0].strip().lower()
        return next((one for one in parsers if one.media_type == sent or not sent), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Choose JSON."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""


class Endpoint(APIView):
    """An address of the Admin API; `endpoint` makes them."""

    authentication_classes = (StaffKeyAuthentication,)
    permission_classes = ()
    parser_classes = (BoundedJSONParser, BoundedFormParser)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJson
    metadata_class = None  # OPTIONS is refused like every method that is not meant
    scope: Scope
    permissions: Sequence[str]
    handler: Handler
    sends: type[serializers.Serializer[Any]] | None
    answers: type[serializers.BaseSerializer[Any]]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer in English and UTC, whatever the tool's machine speaks."""
        with translation.override("en"), timezone.override(None):
            return super().dispatch(request, *args, **kwargs)

    def get_exception_handler(self) -> Any:
        """Answer refusals in the envelope."""
        return handle_exception

    def check_permissions(self, request: Request) -> None:
        """Ask the key for its scope and its owner for the permission: it takes both."""
        assert isinstance(request.auth, StaffKey)
        if self.scope not in request.auth.scopes:
            raise PermissionDenied(f"This key has not the scope {self.scope.value}.")
        missing = [name for name in self.permissions if not request.user.has_perm(name)]
        if missing:
            raise PermissionDenied(f"The owner of this key has not the permission {missing[0]}.")

    def check_throttles(self, request: Request) -> None:
        """Count the call."""
        assert isinstance(request.auth, StaffKey)
        throttling.check_rate(request, key_id=request.auth.pk)

    def answer(self, request: Request, given: Any, path: Mapping[str, Any]) -> Response:
        """Check what was sent, do it, and wrap what came of it."""
        sent: Mapping[str, Any] = {}
        if self.sends is not None:
            form = self.sends(data=given)
            form.is_valid(raise_exception=True)
            sent = form.validated_data
        assert isinstance(request.auth, StaffKey)
        call = Call(key=request.auth, staff=request.auth.owner, address=throttling.address_of(request), sent=sent)
        found = type(self).handler(call, **path)
        if isinstance(found, Page):
            rows = self.answers(found.rows, many=True, context={}).data
            return Response(
                envelope({"count": len(rows), "list": rows}, pagination=paging.links(request, found)),
            )
        if isinstance(found, Answer):
            data = self.answers(found.data, context={}).data
            return Response(envelope(data, message=found.message, code=found.code), status=found.status)
        return Response(envelope(self.answers(found, context={}).data))


_REFUSAL = inline_serializer(
    "refusal",
    fields={
        "data": serializers.DictField(help_text="Always empty."),
        "error_message": serializers.CharField(),
        "error_code": serializers.IntegerField(help_text="The HTTP status once more."),
    },
)


class Pagination(serializers.Serializer[Any]):
    """Where the other pages are."""

    prev_page_href = serializers.CharField(allow_null=True)
    next_page_href = serializers.CharField(allow_null=True)
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()


def endpoint(
    *,
    method: str,
    scope: Scope,
    permissions: Sequence[str],
    answers: type[serializers.BaseSerializer[Any]],
    summary: str,
    sends: type[serializers.Serializer[Any]] | None = None,
    is_list: bool = False,
    statuses: Sequence[int] = (OK,),
) -> Callable[[Handler], Callable[..., Any]]:
    """Make a handler the view of an address.

    :param sends: what a tool sends: the query of a GET, the body of a POST.
    :param answers: what is in `data`; of a list, each of its rows.
    :param statuses: those of answers that say what was done.
    """

    def decorate(handler: Any) -> Callable[..., Any]:
        name: str = handler.__name__

        def handle(view: Endpoint, request: Request, **path: Any) -> Response:
            given = request.query_params if method == "GET" else request.data
            return view.answer(request, given, path)

        handle.__doc__ = handler.__doc__
        described = extend_schema(
            operation_id=name,
            summary=summary,
            tags=[scope.value.partition(":")[0]],
            description=f"{handler.__doc__}\n\nScope: `{scope.value}`. Permission: `{', '.join(permissions)}`.",
            parameters=[sends] if sends and method == "GET" else None,
            request={"application/json": sends} if sends and method != "GET" else None,
            responses=dict.fromkeys(statuses, _wrapped(name, answers, is_list=is_list))
            | dict.fromkeys((400, 401, 403, 404, 405, 409, 429), _REFUSAL),
            examples=examples_of(name, is_list=is_list),
        )(handle)
        attributes = {
            method.lower(): described,
            "scope": scope,
            "permissions": tuple(permissions),
            "handler": staticmethod(handler),
            "sends": sends,
            "answers": answers,
            "__doc__": handler.__doc__,
            "__module__": handler.__module__,
            "http_method_names": ["get", "head"] if method == "GET" else [method.lower()],
        }
        view_class: type[Endpoint] = type(name, (Endpoint,), attributes)
        return view_class.as_view()

    return decorate


def _wrapped(
    name: str, answers: type[serializers.BaseSerializer[Any]], *, is_list: bool
) -> serializers.Serializer[Any]:
    """Describe an answer in its envelope."""
    data: serializers.Field[Any, Any, Any, Any] = answers()
    fields: dict[str, Any] = {}
    if is_list:
        listed = {"count": serializers.IntegerField(help_text="Rows on this page."), "list": answers(many=True)}
        data = inline_serializer(f"{name}_list", fields=listed)
        fields["pagination"] = Pagination()
    return inline_serializer(
        f"{name}_answer",
        fields={
            "data": data,
            **fields,
            "error_message": serializers.CharField(allow_blank=True),
            "error_code": serializers.IntegerField(),
        },
    )
