"""A customer's refills and drip-feeds are listed by key. Ordinary orders are in neither index."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

CUSTOMERS = """
UPDATE orders_refill SET customer_id = o.customer_id FROM orders_order o WHERE o.id = order_id;
-- The foreign key is checked at once, or the table could not be altered below.
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0009_notices'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='refill',
            name='customer',
            field=models.ForeignKey(db_index=False, help_text="The order's, once more: a customer's list of refills is then one range of an index.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunSQL(CUSTOMERS, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='refill',
            name='customer',
            field=models.ForeignKey(db_index=False, help_text="The order's, once more: a customer's list of refills is then one range of an index.", on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='refill',
            index=models.Index(fields=['customer', '-id'], name='refill_by_customer'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('run_count__gt', 1)), fields=['customer', '-id'], name='order_dripfeeds'),
        ),
    ]
