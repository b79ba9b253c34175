"""The row of an order in a list.

Written here and not as a template: a page has fifty rows of forty values each, and looking those up one by one in a
template took two thirds of the time of the whole page.
"""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from dashboard.order_rows import OrderRow
from dashboard.templatetags.panel import at, count, money, status_badge, user_link

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


@register.simple_tag
def order_row(row: OrderRow, oob: bool = False) -> SafeString:
    """Show an order in a list with what can be done about it; where it cannot be done, the button says why.

    :param oob: the row replaces the one that is on the page already.
    """
    order, words = row.order, row.words
    return format_html(
        _ROW,
        id=order.pk,
        oob=OUT_OF_BAND if oob else NOTHING,
        tick=format_html(_TICK, id=order.pk) if order.archived_at is None else NOTHING,
        url=row.url,
        ordered=at(order.created_at),
        service=order.service.name,
        link=user_link(order.link, "row-clip cell-sub"),
        quantity=count(order.quantity),
        remains=_below(row.remains, "row-sub row-sub-inline"),
        charge=money(order.charge - order.refunded),
        refunded=_below(row.refunded),
        status=status_badge(order.status),
        notes=format_html_join("", '<span class="row-sub">{}</span>', ((note,) for note in row.notes)),
        deed=_deed(row),
        again_url=row.again_url,
        again=words.again,
        again_icon=words.again_icon,
    )


def _below(text: str, classes: str = "row-sub") -> SafeString:
    return format_html('<span class="{}">{}</span>', classes, text) if text else NOTHING


def _deed(row: OrderRow) -> SafeString:
    words = row.words
    if not row.deed:
        return NOTHING
    word = words.cancel if row.deed == "cancel" else words.refill
    if row.refusal:
        return format_html(_REFUSED, refusal=row.refusal, word=word)
    if row.deed == "cancel":
        return format_html(_CANCEL, url=row.url, question=words.ask_cancel, yes=words.yes_cancel, word=word)
    return format_html(_REFILL, url=row.url, word=word)
