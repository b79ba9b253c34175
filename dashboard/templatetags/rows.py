"""The rows of the lists of orders, drip-feeds and refills, and the lines of a statement.

Written here and not as templates: a page has fifty rows of forty values each, and looking those up one by one in a
template took two thirds of the time of the whole page.
"""

from collections.abc import Sequence

from django import template
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from dashboard.ledger_lines import Line
from dashboard.markup import fill
from dashboard.order_rows import OrderRow, Words
from dashboard.templatetags.panel import at, count, minutes, money, refill_badge, status_badge, user_link
from orders.listing import Progress
from orders.models import Refill

register = template.Library()

NOTHING = mark_safe("")
OUT_OF_BAND = mark_safe(' hx-swap-oob="true"')

_ROW = """<tr id="order-{id}"{oob}>
<td class="max-sm:order-1"><span class="row-head">{tick}<span><a class="row-link" id="link-{id}" href="{url}">{id}</a>\
<span class="row-sub">{ordered}</span></span></span></td>
<td class="wide max-sm:order-3"><span class="row-clip" title="{service}">{service}</span>{link}</td>
<td class="num max-sm:order-4 max-sm:text-left">{quantity}{remains}</td>
<td class="num max-sm:order-5">{charge}{refunded}</td>
<td class="nowrap max-sm:order-2 max-sm:text-right">{status}{notes}</td>
<td class="wide max-sm:order-6"><span class="deed-row">{deed}<a class="icon-button" href="{again_url}" title="{again}" \
aria-label="{again}: {id}">{again_icon}</a></span></td>
</tr>
"""
_TICK = (
    '<input type="checkbox" class="tick" name="order" value="{id}" id="tick-{id}" hx-preserve'
    ' aria-labelledby="link-{id}">'
)
_REFUSED = (
    '<button type="button" class="btn btn-small btn-off" aria-disabled="true" data-says="{refusal}"'
    ' title="{refusal}">{word}</button>'
)
_CANCEL = (
    '<button class="btn btn-secondary btn-quiet-danger btn-small" formaction="{url}cancel/" hx-post="{url}cancel/"'
    ' hx-confirm="{question}" data-confirm-button="{yes}" hx-disabled-elt="this">{word}</button>'
)
_REFILL = (
    '<button class="btn btn-secondary btn-small" formaction="{url}refill/" hx-post="{url}refill/"'
    ' hx-disabled-elt="this">{word}</button>'
)


_DRIPFEED = """<tr id="order-{id}"{oob}>
<td class="max-sm:order-1"><a class="row-link" href="{url}">{id}</a><span class="row-sub">{ordered}</span></td>
<td class="wide max-sm:order-3"><span class="row-clip" title="{service}">{service}</span>{link}</td>
<td class="nowrap wide max-sm:order-4" data-label="{runs_label}">{runs}<span class="row-sub row-sub-inline">{every}\
</span></td>
<td class="wide min-w-36 max-sm:order-5" data-label="{delivered_label}">{delivered}<progress \
class="progress mt-1.5 block" value="{done}" max="{quantity}" aria-label="{delivered_label}">{done}</progress></td>
<td class="cell-sub wide max-sm:order-6" data-label="{next_label}">{next}</td>
<td class="nowrap max-sm:order-2 max-sm:text-right">{status}{notes}</td>
</tr>
"""
_REFILL_ROW = """<tr id="refill-{id}"{oob}>
<td class="font-medium max-sm:order-1">{id}</td>
<td class="wide max-sm:order-3" data-label="{order_label}"><a class="row-link" href="{url}">{order}</a>\
<span class="row-sub row-sub-inline">{quantity}</span></td>
<td class="wide max-sm:order-4"><span class="row-clip" title="{service}">{service}</span>{link}</td>
<td class="cell-sub max-sm:order-5">{requested}</td>
<td class="cell-sub max-sm:order-6">{ended}</td>
<td class="nowrap max-sm:order-2 max-sm:text-right">{status}</td>
</tr>
"""


_LINE = """<tr>
<td><span class="font-medium">{title}</span>{order}{note}</td>
<td class="cell-sub max-sm:order-3">{at}</td>
<td class="num max-sm:order-2{tone}">{change}</td>
<td class="num max-sm:order-4 max-sm:text-muted">{balance}</td>
</tr>
"""
_ORDER_OF_LINE = ' <a class="text-accent hover:underline" href="{}{}/">{}</a>'


@register.simple_tag
def order_row(row: OrderRow, oob: bool = False) -> SafeString:
    """Show an order in a list with what can be done about it; where it cannot be done, the button says why.

    :param oob: the row replaces the one that is on the page already.
    """
    order, words = row.order, row.words
    return fill(
        _ROW,
        id=order.pk,
        oob=OUT_OF_BAND if oob else NOTHING,
        tick=fill(_TICK, id=order.pk) if order.archived_at is None else NOTHING,
        url=row.url,
        ordered=at(order.created_at),
        service=order.service.name,
        link=user_link(order.link, "row-clip cell-sub"),
        quantity=count(order.quantity),
        remains=_below(row.remains, "row-sub row-sub-inline"),
        charge=money(order.charge - order.refunded),
        refunded=_below(row.refunded),
        status=status_badge(order.status),
        notes=_notes(row),
        deed=_deed(row),
        again_url=row.again_url,
        again=words.again,
        again_icon=words.again_icon,
    )


@register.simple_tag
def dripfeed_row(row: OrderRow, oob: bool = False) -> SafeString:
    """Show a drip-feed in a list: how far it is, and when it goes on.

    :param oob: the row replaces the one that is on the page already.
    """
    order, words, progress = row.order, row.words, row.progress
    assert progress is not None
    return fill(
        _DRIPFEED,
        id=order.pk,
        oob=OUT_OF_BAND if oob else NOTHING,
        url=row.url,
        ordered=at(order.created_at),
        service=order.service.name,
        link=user_link(order.link, "row-clip cell-sub"),
        runs_label=words.runs,
        runs=words.runs_done % {"done": progress.runs_done, "all": order.run_count},
        every=words.every % {"interval": minutes(order.interval_minutes or 0)},
        delivered_label=words.delivered,
        delivered=words.delivered_of % {"delivered": count(row.delivered), "quantity": count(order.quantity)},
        done=row.delivered,
        quantity=order.quantity,
        next_label=words.next_run,
        next=_next_run(words, progress),
        status=status_badge(order.status),
        notes=_notes(row),
    )


@register.simple_tag
def refill_row(refill: Refill, words: Words, oob: bool = False) -> SafeString:
    """Show a refill in a list.

    :param oob: the row replaces the one that is on the page already.
    """
    order = refill.order
    return fill(
        _REFILL_ROW,
        id=refill.pk,
        oob=OUT_OF_BAND if oob else NOTHING,
        order_label=words.order,
        url=f"{words.orders_url}{order.pk}/",
        order=order.pk,
        quantity=count(order.quantity),
        service=order.service.name,
        link=user_link(order.link, "row-clip cell-sub"),
        requested=at(refill.created_at),
        ended=at(refill.finished_at),
        status=refill_badge(refill.status),
    )


@register.simple_tag
def statement_lines(lines: Sequence[Line]) -> SafeString:
    """Show the lines of a statement."""
    orders_url, said = reverse("dashboard:orders"), gettext("order %(number)s")
    return mark_safe("".join(_line(line, orders_url=orders_url, said=said) for line in lines))  # noqa: S308 - of `fill`


def _line(line: Line, *, orders_url: str, said: str) -> SafeString:
    order = fill(_ORDER_OF_LINE, orders_url, line.order_id, said % {"number": line.order_id}) if line.order_id else ""
    return fill(
        _LINE,
        title=line.title,
        order=order,
        note=fill(' <span class="cell-sub break-words">{}</span>', line.note) if line.note else "",
        at=at(line.at),
        tone=" text-success" if line.change > 0 else "",
        change=money(line.size, line.sign),
        balance=money(line.balance),
    )


def _notes(row: OrderRow) -> SafeString:
    if not row.notes:  # as with nearly every row
        return NOTHING
    return format_html_join("", '<span class="row-sub">{}</span>', ((note,) for note in row.notes))


def _next_run(words: Words, progress: Progress) -> SafeString | str:
    if progress.next_at is None:
        return "–"
    if progress.next_at == progress.last_at:
        return at(progress.next_at)
    last = mark_safe(words.last_run % {"last_at": at(progress.last_at)})  # noqa: S308 (a text of ours around a time)
    return fill('{}<span class="row-sub whitespace-nowrap">{}</span>', at(progress.next_at), last)


def _below(text: str, classes: str = "row-sub") -> SafeString:
    return fill('<span class="{}">{}</span>', classes, text) if text else NOTHING


def _deed(row: OrderRow) -> SafeString:
    words = row.words
    if not row.deed:
        return NOTHING
    word = words.cancel if row.deed == "cancel" else words.refill
    if row.refusal:
        return fill(_REFUSED, refusal=row.refusal, word=word)
    if row.deed == "cancel":
        return fill(_CANCEL, url=row.url, question=words.ask_cancel, yes=words.yes_cancel, word=word)
    return fill(_REFILL, url=row.url, word=word)
