"""What a provider's list and page say of the orders it has, of which `catalog` knows nothing."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import localtime
from unfold.decorators import display

from catalog.admin.providers import SellingProviderAdmin
from catalog.models import Route
from orders import monitoring
from orders.models import Attempt
from orders.monitoring import ProviderCondition
from panel.admin_facts import Fact
from panel.money import print_amount
from providers import health
from providers.models import Provider

FAILED = (Attempt.State.UNKNOWN, Attempt.State.NOT_SENT, Attempt.State.DEFERRED, Attempt.State.REJECTED)
FAILURES_SHOWN = 20
ATTEMPTS_SEARCHED = 2000  # newest first; a provider that fails does so often

# It takes the place of the page that `catalog` registered.
admin.site.unregister(Provider)


@admin.register(Provider)
class TrackedProviderAdmin(SellingProviderAdmin):
    """A provider with how it is doing: how fast it answers, what failed, what it works at."""

    list_display = (
        "name", "condition", "answers", "failed", "open_runs", "waiting", "routes_in_use", "shown_balance", "synced_at",
        "has_synced",
    )  # fmt: skip

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Measure all providers at once, for every row."""
        changelist = super().get_changelist_instance(request)
        conditions = {one.provider.pk: one for one in monitoring.list_providers(with_answers=True)}
        routes = Route.objects.filter(is_active=True, gone_at=None, service__is_active=True)
        in_use = dict(routes.values_list("provider").annotate(Count("pk")))
        for provider in changelist.result_list:
            provider.measured = conditions[provider.pk]
            provider.route_count = in_use.get(provider.pk, 0)
        return changelist

    @display(  # type: ignore[untyped-decorator]
        description="condition",
        label={
            "runs": "success",
            "fails": "danger",
            "down": "danger",
            "refuses for now": "warning",
            "low balance": "warning",
            "paused by staff": "info",
            "by hand": "success",
        },
    )
    def condition(self, provider: Any) -> str:
        """Say in a word how it is doing: what is worst."""
        return describe_condition(provider.measured)

    @admin.display(description="answers in (p50 / p95)")
    def answers(self, provider: Any) -> str:
        """Say how long its answers took in the last hour."""
        answers = provider.measured.answers
        return f"{_seconds(answers.p50)} / {_seconds(answers.p95)}" if answers.p50 is not None else ""

    @admin.display(description="failed, last hour")
    def failed(self, provider: Any) -> str:
        """Say how many of the orders sent in the last hour it did not take."""
        by_outcome = provider.measured.answers.by_outcome
        return f"{sum(by_outcome.get(state, 0) for state in FAILED):,} of {sum(by_outcome.values()):,}"

    @admin.display(description="open runs")
    def open_runs(self, provider: Any) -> str:
        """Say how many runs it works at."""
        return f"{provider.measured.open_runs:,}"

    @admin.display(description="waiting")
    def waiting(self, provider: Any) -> str:
        """Say how many runs wait to be sent to it."""
        return f"{provider.measured.queued:,}"

    @admin.display(description="services bought")
    def routes_in_use(self, provider: Any) -> int:
        """Say how many routes to it are in use."""
        return provider.route_count

    @admin.display(description="balance", ordering="balance")
    def shown_balance(self, provider: Provider) -> str:
        """Show our money there with its currency."""
        return "" if provider.balance is None else f"{print_amount(provider.balance)} {provider.currency}"

    def list_facts(self, obj: Provider) -> Iterable[Fact]:
        """Show how it answered, what it has, and what failed last."""
        measured = {one.provider.pk: one for one in monitoring.list_providers(with_answers=True)}[obj.pk]
        answers = measured.answers
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(answers.by_outcome.items()))
        services = f"{reverse('admin:catalog_service_changelist')}?routes__provider__id__exact={obj.pk}"
        yield Fact(
            "How it is doing",
            ("condition", "open runs", "waiting", "being sent", "answers in (p50 / p95)", "orders of the last hour"),
            [
                (
                    describe_condition(measured), f"{measured.open_runs:,}", f"{measured.queued:,}",
                    measured.in_flight, f"{_seconds(answers.p50)} / {_seconds(answers.p95)}",
                    outcomes or "none",
                )
            ],
            format_html('<a href="{}" class="text-link">Services bought here</a>', services),
        )  # fmt: skip
        yield Fact(
            "Orders it did not take, newest first",
            ("when", "order", "outcome", "evidence"),
            [
                (localize(localtime(one.started_at)), _link_to_order(one), one.get_state_display(), one.evidence)
                for one in _list_failures(obj)
            ],
        )


def describe_condition(measured: ProviderCondition) -> str:
    """Say in a word how a provider is doing: what is worst."""
    match measured.state:
        case monitoring.ProviderState.PAUSED:
            return "paused by staff"
        case monitoring.ProviderState.DOWN:
            return "down"
        case monitoring.ProviderState.REFUSING:
            return "refuses for now"
    if measured.provider.is_manual:
        return "by hand"
    if measured.provider.failures >= health.FAILURES_MAX:
        return "fails"
    return "low balance" if measured.provider.is_low else "runs"


def _list_failures(provider: Provider) -> list[Attempt]:
    # Through the index on provider and time, not past a bound: one that never fails has millions.
    newest = Attempt.objects.filter(provider=provider).order_by("-started_at")[:ATTEMPTS_SEARCHED].values("pk")
    failed = Attempt.objects.filter(pk__in=newest, state__in=FAILED).select_related("run")
    return list(failed.order_by("-started_at")[:FAILURES_SHOWN])


def _link_to_order(attempt: Attempt) -> Any:
    url = reverse("admin:orders_order_change", args=[attempt.run.order_id])
    return format_html('<a href="{}" class="text-link">{}</a>', url, attempt.run.order_id)


def _seconds(took: timedelta | None) -> str:
    return "" if took is None else f"{took.total_seconds():.2f} s"
