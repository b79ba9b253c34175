"""The addresses of the customer's pages; those of passwords and second factors are allauth's."""

from django.urls import path

from dashboard.views import (
    account,
    api_keys,
    landing,
    new_order,
    orders,
    overview,
    payments,
    service_updates,
    services,
    stripe_webhook,
    texts,
    wallet,
)

app_name = "dashboard"
urlpatterns = [
    path("", landing.landing, name="landing"),
    path("dashboard/", overview.overview, name="overview"),
    path("new-order/", new_order.new_order, name="new_order"),
    path("orders/", orders.order_list, name="orders"),
    path("orders/<int:order_id>/", orders.order_detail, name="order"),
    path("orders/<int:order_id>/live/", orders.order_live, name="order_live"),
    path("orders/<int:order_id>/cancel/", orders.cancel_order, name="cancel_order"),
    path("orders/<int:order_id>/refill/", orders.refill_order, name="refill_order"),
    path("services/", services.service_list, name="services"),
    path("services/rows/", services.service_rows, name="service_rows"),
    path("services/<int:service_id>/", services.service_detail, name="service"),
    path("services/<int:service_id>/favourite/", services.mark_favourite, name="favourite"),
    path("services/updates/", service_updates.service_updates, name="service_updates"),
    path("wallet/", wallet.statement, name="wallet"),
    path("wallet/add/", payments.add_funds, name="add_funds"),
    path("wallet/add/quote/", payments.payment_quote, name="payment_quote"),
    path("wallet/deposits/", payments.deposits, name="deposits"),
    path("wallet/deposits/<int:payment_id>/", payments.payment, name="payment"),
    path("wallet/deposits/<int:payment_id>/live/", payments.payment_live, name="payment_live"),
    path("wallet/deposits/<int:payment_id>/pay/", payments.start_payment, name="start_payment"),
    path("account/profile/", account.profile, name="profile"),
    path("account/sessions/", account.session_list, name="sessions"),
    path("account/sessions/<int:session_id>/end/", account.end_session, name="end_session"),
    # At allauth's addresses, ahead of allauth's own.
    path("account/signup/", account.sign_up),
    path("account/email/", account.emails),
    path("payments/stripe/webhook", stripe_webhook.stripe_webhook, name="stripe_webhook"),
    path("account/api/", api_keys.api_keys, name="api_keys"),
    path("account/api/<int:key_id>/rotate/", api_keys.rotate_key, name="rotate_key"),
    path("account/api/<int:key_id>/revoke/", api_keys.revoke_key, name="revoke_key"),
    path("news/", texts.news, name="news"),
    path("pages/<slug:slug>/", texts.page, name="page"),
]
