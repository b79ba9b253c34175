"""The addresses below /adminapi/v2; the middleware takes a slash at their end away."""

from django.urls import URLPattern, include, path

from admin_api.views import order_actions, orders, payments, requests, schema, tickets, users

app_name = "admin_api"

_endpoints = [
    path("orders", orders.orders_list),
    path("orders/<int:order_id>", orders.orders_one),
    path("orders/<int:order_id>/edit-link", order_actions.orders_edit_link_one),
    path("orders/<int:order_id>/set-partial", order_actions.orders_set_partial_one),
    path("orders/edit-link", order_actions.orders_edit_link),
    path("orders/set-partial", order_actions.orders_set_partial),
    path("orders/pull", order_actions.orders_pull),
    path("orders/update", order_actions.orders_update),
    path("orders/change-status", order_actions.orders_change_status),
    path("orders/request-cancel", order_actions.orders_request_cancel),
    path("orders/cancel", order_actions.orders_cancel),
    path("orders/resend", order_actions.orders_resend),
    path("refill/pull", requests.refill_pull),
    path("refill/change-status", requests.refill_change_status),
    path("cancel/pull", requests.cancel_pull),
    path("cancel/reject", requests.cancel_reject),
    path("payments", payments.payments_list),
    path("payments/add", payments.payments_add),
    path("users", users.users_list),
    path("users/add", users.users_add),
    path("tickets", tickets.tickets_list),
    path("tickets/<int:ticket_id>", tickets.tickets_one),
    path("tickets/<int:ticket_id>/reply", tickets.tickets_reply_one),
    path("tickets/reply", tickets.tickets_reply),
    path("tickets/add", tickets.tickets_add),
]

_about: list[URLPattern] = [
    path("schema", schema.schema, name="schema"),
    path("docs", schema.docs, name="docs"),
]

urlpatterns = [path("adminapi/v2/", include([*_endpoints, *_about]))]
described = [path("adminapi/v2/", include(_endpoints))]
