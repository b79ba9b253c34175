"""Give a new panel its base currency, and let no wallet have a currency that has no rate."""

from typing import Any

from django.conf import settings
from django.db import migrations


def create_base_currency(apps: Any, schema_editor: Any) -> None:
    """Create the currency in which service rates are stored; by definition one unit of it costs one."""
    apps.get_model("catalog", "Currency").objects.get_or_create(code=settings.BASE_CURRENCY, defaults={"rate": 1})


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_version"), ("wallet", "0002_ledger_rules")]

    operations = [
        migrations.RunPython(create_base_currency, migrations.RunPython.noop),
        # In the database only: the wallet app must not know the catalogue.
        migrations.RunSQL(
            """ALTER TABLE wallet_wallet ADD CONSTRAINT wallet_currency_known
               FOREIGN KEY (currency) REFERENCES catalog_currency (code)""",
            "ALTER TABLE wallet_wallet DROP CONSTRAINT wallet_currency_known",
        ),
    ]
