"""`manage.py provider`: the panels we buy from, from a terminal."""

import getpass
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.management.base import BaseCommand, CommandError
from django.db.models import F
from django.forms import model_to_dict

from catalog import buying, imports, markup, syncing, terms
from catalog.admin.providers import describe_sync
from catalog.errors import NotImportable, ProviderCurrencyUnknown
from catalog.models import Currency, Route
from orders import monitoring
from panel import console
from panel.money import DECIMAL_PLACES, format_amount, format_rate
from providers import adapter, balances, health, keys, switching
from providers.adapter import ProviderBalance, ProviderService
from providers.admin import call_for_test
from providers.errors import ProviderError
from providers.forms import ProviderForm
from providers.models import Provider
from staff import audit
from staff.audit import Origin
from staff.models import Channel

ID_DIGITS_MAX = 18  # what fits a database integer
PERCENT_MAX, PERCENT_DECIMALS = Decimal(100_000), 2  # the column that keeps it
FIXED_MAX = Decimal(1_000_000_000)


class Command(BaseCommand):
    """Add a provider, see how it is doing, sell what it sells, switch it off and on."""

    help = "Add, list, test, pause and resume providers; import their services and sync with their price lists."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name what can be done."""
        kinds = parser.add_subparsers(dest="what", required=True, metavar="add|list|test|import|sync|pause|resume")
        # Without abbreviations: nobody shall think that `--key SECRET` is an option.
        add = kinds.add_parser("add", help="buy from a panel that speaks API v2", allow_abbrev=False)
        add.add_argument("name", metavar="NAME")
        kind = add.add_mutually_exclusive_group(required=True)
        kind.add_argument("--url", help="where it takes its calls: https://…/api/v2")
        kind.add_argument(
            "--manual", action="store_true", help="nobody is called: staff or a program of theirs deliver by hand"
        )
        add.add_argument(
            "--key-file",
            metavar="F",
            help="a file with our API key there; else it is asked for, or read from stdin",
        )
        add.add_argument("--currency", help="what it charges in; by default what it says itself, or USD")
        add.add_argument("--markup", default="30", metavar="PERCENT", help="on its prices; by default 30")
        add.add_argument("--concurrency", default="4", metavar="N", help="orders sent at the same time; by default 4")
        add.add_argument("--no-test", action="store_true", help="add it without calling it")
        kinds.add_parser("list", help="all of them, and how they are doing")
        _take_provider(kinds.add_parser("test", help="ask for our balance and its services"))
        taken = kinds.add_parser("import", help="put services of a provider on sale")
        _take_provider(taken)
        chosen = taken.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--ids", type=_ids, metavar="1,2,3", help="the provider's ids")
        chosen.add_argument("--search", metavar="WORDS", help="those with all of the words in their name or category")
        chosen.add_argument("--all", action="store_true", help="everything it sells")
        taken.add_argument("--percent", type=_percent, metavar="P", help="markup, instead of the provider's own")
        taken.add_argument("--fixed", type=_fixed, metavar="F", help="added to each price, in the base currency")
        taken.add_argument("--rounding", choices=Provider.Rounding.values, metavar="STEP", help="round prices up to it")
        taken.add_argument("--dry-run", action="store_true", help="only show what would be imported")
        sync = kinds.add_parser("sync", help="bring our services in step with the provider's price list")
        sync.add_argument("provider", nargs="?", metavar="NAME", help="its name or id")
        sync.add_argument("--all", action="store_true", help="every provider that is not paused")
        sync.add_argument("--force", action="store_true", help="believe also prices that jumped and empty lists")
        _take_provider(kinds.add_parser("pause", help="send it nothing until it is resumed"))
        _take_provider(kinds.add_parser("resume", help="send it what waits, also after refusals and failures"))

    def handle(self, *, what: str, **options: Any) -> None:
        """Do it, or say in one line why not."""
        try:
            _COMMANDS[what](Namespace(**options), self.stdout.write)
        except ProviderError as error:
            raise CommandError(f"The provider's answer cannot be used: {console.one_line(error.evidence)}") from None
        except ProviderCurrencyUnknown as error:
            raise CommandError(
                f"The provider charges in {error.currency}, which is not among our currencies; add it in the admin."
            ) from None


Say = Callable[[str], object]


def _add(asked: Namespace, say: Say) -> None:
    if asked.manual:
        provider = _enter(asked, kind=Provider.Kind.MANUAL)
        provider.save()
        say(f"Added provider {provider.pk} {provider}. Give services routes to it in the admin.")
        return
    api_key = _read_key(asked.key_file)
    provider = _enter(asked, kind=Provider.Kind.PANEL, api_url=asked.url, api_key=api_key)
    provider.sealed_key = keys.seal(api_key)
    balance, listed = None, 0
    if not asked.no_test:
        try:
            balance, listed = _call(provider)
        except ProviderError as error:
            raise CommandError(
                f"It cannot be used: {console.one_line(error.evidence)}. Nothing was added; --no-test adds it as it is."
            ) from None
        provider.currency = asked.currency or balance.currency or provider.currency
    provider.save()
    say(f"Added provider {provider.pk} {provider}.")
    if balance is not None:
        balances.record_balance(provider, balance)
        say(_describe_call(provider, balance, listed))
    if not Currency.objects.filter(code=provider.currency).exists():
        say(f"Add the currency {provider.currency} in the admin before you import: its prices mean nothing here yet.")


def _enter(asked: Namespace, **more: Any) -> Provider:
    """Return a provider that is as the form of the admin would have it, not yet saved."""
    entered = {
        **model_to_dict(Provider()),
        "name": asked.name,
        "currency": asked.currency or "USD",
        "markup_percent": asked.markup,
        "concurrency_max": asked.concurrency,
        **more,
    }
    form = ProviderForm({name: value for name, value in entered.items() if value is not None})
    if not form.is_valid():
        faults = (f"{name}: {fault}" for name, texts in form.errors.items() for fault in texts)
        raise CommandError(" ".join(faults))
    provider: Provider = form.save(commit=False)
    return provider


def _list(_asked: Namespace, say: Say) -> None:
    rows = [
        (
            str(one.provider.pk), one.provider, one.provider.kind, one.state.value, one.provider.balance,
            one.provider.currency + (" LOW" if one.provider.is_low else ""), one.open_runs, one.queued, one.in_flight,
            one.provider.failures, one.provider.sync_failure or one.provider.synced_at,
        )
        for one in monitoring.list_providers()
    ]  # fmt: skip
    headings = (
        "id", "name", "kind", "state", "balance", "", "open runs", "queued", "in flight", "failures", "last sync"
    )  # fmt: skip
    say(console.format_table(headings, rows))


def _test(asked: Namespace, say: Say) -> None:
    level, text = call_for_test(_find_provider(asked.provider))
    if level == messages.ERROR:
        raise CommandError(console.one_line(text))
    say(text)


def _import(asked: Namespace, say: Say) -> None:
    provider = _find_provider(asked.provider)
    ids = asked.ids
    if ids is None or asked.dry_run:
        listed = buying.read_catalogue(provider)
        ids = _choose(listed, search=asked.search) if ids is None else ids
        if not ids:
            raise CommandError("It sells nothing like that.")
    if asked.dry_run:
        say(_preview(provider, listed, ids, asked))
        return
    result = imports.import_services(
        provider=provider,
        ids=ids,
        percent=asked.percent,
        fixed=asked.fixed,
        rounding=asked.rounding,
        note=lambda created: _log_import(provider, created),
    )
    if result.created:
        say(_list_imported(result.created, provider))
    say(f"{len(result.created):,} imported, {len(result.already):,} on sale already, {len(result.refused):,} refused.")
    for provider_service, reason in result.refused.items():
        say(console.one_line(f"{provider_service}: {reason}"))
    if asked.ids is not None and result.refused:
        raise CommandError("Not all that was asked for could be imported.")


def _log_import(provider: Provider, created: Mapping[str, int]) -> None:
    audit.record(
        actor=None,
        operation="catalog.service: add many",
        subject_model="catalog.service",
        subject_id=audit.MANY,
        origin=Origin(Channel.COMMAND),
        after=imports.tell_created(provider, created),
        outcome=f"Imported from {provider}.",
    )


def _sync(asked: Namespace, say: Say) -> None:
    if (asked.provider is None) != asked.all:
        raise CommandError("Name a provider, or use --all.")
    if asked.all:
        chosen = list(
            Provider.objects.filter(health.is_called(), is_active=True).order_by(
                F("synced_at").asc(nulls_first=True), "pk"
            )
        )
    else:
        chosen = [_find_provider(asked.provider)]
    failed = 0
    for provider in chosen:
        level, text = describe_sync(syncing.sync_provider(provider, force=asked.force))
        failed += level == messages.ERROR
        say(console.one_line(f"{provider}: {text}"))
    if failed:
        raise CommandError(f"{failed} of {len(chosen)} failed; nothing was changed there.")


def _pause(asked: Namespace, say: Say) -> None:
    provider = _find_provider(asked.provider)
    switching.pause_provider(provider)
    say(f"{provider} is paused. Orders it has go on being tracked.")


def _resume(asked: Namespace, say: Say) -> None:
    provider = _find_provider(asked.provider)
    switching.resume_provider(provider)
    say(f"{provider} is running.")


_COMMANDS: dict[str, Callable[[Namespace, Say], None]] = {
    "add": _add,
    "list": _list,
    "test": _test,
    "import": _import,
    "sync": _sync,
    "pause": _pause,
    "resume": _resume,
}


def _find_provider(text: str) -> Provider:
    """Find a provider by its id, or by its name in any case."""
    if text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX:
        found = Provider.objects.filter(pk=int(text)).first()
        if found is not None:
            return found
    found = Provider.objects.filter(name=text).first() or Provider.objects.filter(name__iexact=text).first()
    if found is None:
        raise CommandError(f"No provider is called {text!r}; `manage.py provider list` shows them.")
    return found


def _read_key(path: str | None) -> str:
    """Read our key from where no list of processes and no terminal shows it."""
    try:
        if path is not None:
            text = Path(path).read_text(encoding="utf-8")
        elif sys.stdin.isatty():
            text = getpass.getpass("Our API key there: ")
        else:
            text = sys.stdin.read()
    except OSError as error:
        raise CommandError(f"The key cannot be read: {error.strerror}.") from None
    except ValueError:
        raise CommandError("The key cannot be read: it is no text.") from None
    words = text.split()
    if len(words) != 1:
        raise CommandError("One API key is needed, on one line and without blanks.")
    return words[0]


def _call(provider: Provider) -> tuple[ProviderBalance, int]:
    """Ask for what costs nothing."""
    client = adapter.connect(provider)
    return client.balance(), len(client.services())


def _describe_call(provider: Provider, balance: ProviderBalance, listed: int) -> str:
    currency = balance.currency or provider.currency
    text = f"It answers: our balance is {format_amount(balance.amount)} {currency}, and it sells {listed:,} services."
    if currency != provider.currency:
        text += f" It counts in {currency}, not in {provider.currency}: correct that, or every price is wrong."
    return text


def _choose(listed: Mapping[str, ProviderService], *, search: str | None) -> list[str]:
    words = (search or "").casefold().split()
    return [
        entry.id
        for entry in listed.values()
        if all(word in f"{entry.id} {entry.name} {entry.category}".casefold() for word in words)
    ]


def _preview(provider: Provider, listed: Mapping[str, ProviderService], ids: Collection[str], asked: Namespace) -> str:
    currency_rate = buying.currency_rate_of(provider)
    ours = buying.markup_of(provider, percent=asked.percent, fixed=asked.fixed, rounding=asked.rounding or "")
    known = imports.list_known(provider)
    rows: list[Sequence[object]] = []
    for one in ids:
        entry = listed.get(one)
        if entry is None:
            rows.append((one, None, None, None, imports.NOT_LISTED))
            continue
        try:
            sold = terms.read_terms(entry)
            name = terms.read_label(entry).name
            price = format_rate(markup.price_for(sold.cost, currency_rate=currency_rate, markup=ours))
        except NotImportable as refusal:
            rows.append((one, entry.name, entry.cost, None, refusal.reason))
        except ValueError:
            rows.append((one, entry.name, entry.cost, None, "its price is too high to be written down"))
        else:
            what = f"on sale already as {known[one]}" if one in known else "new"
            rows.append((one, name, format_rate(sold.cost), price, what))
    headings = ("its id", "name", f"cost in {provider.currency}", "price", "")
    return f"{console.format_table(headings, rows)}\nNothing was imported."


def _list_imported(created: Mapping[str, int], provider: Provider) -> str:
    routes = Route.objects.filter(provider=provider, service__in=created.values()).select_related("service")
    rows = [
        (
            route.provider_service,
            str(route.service_id),
            route.service.name,
            format_rate(route.cost),
            format_rate(route.service.rate),
        )
        for route in routes.order_by("service")
    ]
    return console.format_table(("its id", "our id", "name", f"cost in {provider.currency}", "price"), rows)


def _take_provider(parser: ArgumentParser) -> None:
    parser.add_argument("provider", metavar="NAME", help="its name or id")


def _ids(text: str) -> list[str]:
    ids = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not ids:
        raise ArgumentTypeError("name at least one id")
    return ids


def _percent(text: str) -> Decimal:
    return _decimal(text, below=PERCENT_MAX, places=PERCENT_DECIMALS)


def _fixed(text: str) -> Decimal:
    return _decimal(text, below=FIXED_MAX, places=DECIMAL_PLACES)


def _decimal(text: str, *, below: Decimal, places: int) -> Decimal:
    """Read a number that its column holds as it is."""
    try:
        number = Decimal(text) if re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text) else None
    except InvalidOperation:
        number = None
    if number is None or number >= below or number != round(number, places):
        raise ArgumentTypeError(f"{text!r} is no number from 0 to {below:,} with at most {places} decimals")
    return number
