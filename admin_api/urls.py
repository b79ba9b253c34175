"""The addresses below /adminapi/v2; the middleware takes a slash at their end away."""

from django.urls import URLPattern, include, path

from admin_api.views import orders, payments, schema, tickets, users

app_name = "admin_api"

_endpoints = [
    path("orders", orders.orders_list),
    path("orders/<int:order_id>", orders.orders_one),
    path("payments", payments.payments_list),
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
