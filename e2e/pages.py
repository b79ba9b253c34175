"""Every page with a name, and what is needed to see it."""

from collections.abc import Mapping
from typing import NamedTuple

from django.urls import reverse


class Page(NamedTuple):
    """A page that is looked at. Its address is found by its name."""

    name: str
    args: tuple[str, ...] = ()  # names of facts: see FACTS in conftest
    query: str = ""
    by: str = "customer"  # or visitor

    def address(self, world: Mapping[str, object]) -> str:
        """Where the page is, in a world of these facts."""
        return reverse(self.name, args=[world[name] for name in self.args]) + self.query.format_map(world)

    @property
    def title(self) -> str:
        """What the page is called in the output."""
        return " ".join([self.name, *self.args, *filter(None, [self.query]), self.by])


PAGES = (
    Page("docs", by="visitor"),
    Page("docs"),
    Page("dashboard:landing", by="visitor"),
    Page("dashboard:news", by="visitor"),
    Page("dashboard:page", args=("help",), by="visitor"),
    Page("dashboard:status", by="visitor"),
    Page("dashboard:overview"),
    Page("dashboard:new_order"),
    Page("dashboard:new_order", query="?service={service}"),
    Page("dashboard:new_order", query="?q=no such thing"),
    Page("dashboard:mass_order"),
    Page("dashboard:mass_order_detail", args=("mass_order",)),
    Page("dashboard:orders"),
    Page("dashboard:orders", query="?q=no-such-link"),
    Page("dashboard:dripfeeds"),
    Page("dashboard:refills"),
    Page("dashboard:order", args=("order",)),
    Page("dashboard:order", args=("dripfeed_order",)),
    Page("dashboard:services", by="visitor"),
    Page("dashboard:services"),
    Page("dashboard:service", args=("service",), by="visitor"),
    Page("dashboard:service", args=("service",)),
    Page("dashboard:service_updates"),
    Page("dashboard:wallet"),
    Page("dashboard:wallet", query="?print=1"),
    Page("dashboard:add_funds"),
    Page("dashboard:deposits"),
    Page("dashboard:payment", args=("payment",)),
    Page("dashboard:api_keys"),
    Page("dashboard:rotate_key", args=("key",)),
    Page("dashboard:revoke_key", args=("key",)),
    Page("dashboard:api_usage"),
    Page("dashboard:api_requests"),
    Page("dashboard:api_request", args=("call",)),
    Page("dashboard:api_console"),
    Page("dashboard:tickets"),
    Page("dashboard:new_ticket"),
    Page("dashboard:ticket", args=("ticket",)),
    Page("dashboard:profile"),
    Page("dashboard:notifications"),
    Page("dashboard:sessions"),
    Page("account_login", by="visitor"),
    Page("account_signup", by="visitor"),
    Page("account_reset_password", by="visitor"),
    Page("account_reset_password_done", by="visitor"),
    Page("account_reset_password_from_key", args=("nobody", "wrong"), by="visitor"),
    Page("account_reset_password_from_key_done", by="visitor"),
    Page("account_email_verification_sent", by="visitor"),
    Page("account_confirm_email", args=("wrong",), by="visitor"),
    Page("account_inactive", by="visitor"),
    Page("account_logout"),
    Page("account_reauthenticate"),
    Page("account_email"),
    Page("account_change_password"),
    Page("mfa_index"),
    Page("mfa_activate_totp"),
)

# Names without a page of their own.
NO_PAGES = {
    # What forms post to, parts of pages, and files.
    "dashboard:attachment",
    "dashboard:api_headroom",
    "dashboard:cancel_order",
    "dashboard:cancel_selected",
    "dashboard:close_ticket",
    "dashboard:dripfeeds_live",
    "dashboard:end_session",
    "dashboard:favourite",
    "dashboard:leave_customer",
    "dashboard:mass_order_csv",
    "dashboard:mass_order_live",
    "dashboard:order_live",
    "dashboard:order_preview",
    "dashboard:orders_csv",
    "dashboard:orders_live",
    "dashboard:payment_live",
    "dashboard:payment_quote",
    "dashboard:refill_order",
    "dashboard:refill_selected",
    "dashboard:refills_live",
    "dashboard:service_choices",
    "dashboard:service_rows",
    "dashboard:start_payment",
    "dashboard:statement_csv",
    "dashboard:stop_mass_order",
    "dashboard:stripe_webhook",
    "mfa_download_recovery_codes",
    "set_language",
    # The way there is a token in a mail; a wrong one is a 404.
    "dashboard:stop_notices",
    # Only in a state that the journey with a second factor reaches, which looks at them too.
    "mfa_authenticate",
    "mfa_deactivate_totp",
    "mfa_generate_recovery_codes",
    "mfa_reauthenticate",
    "mfa_view_recovery_codes",
    # Leads to the panel's own list.
    "usersessions_list",
    # Off: everybody has a password, and logs in with it.
    "account_confirm_login_code",
    "account_set_password",
}
