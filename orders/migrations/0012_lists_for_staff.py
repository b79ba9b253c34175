"""Staff find orders by service and by link. Built beside the running panel: nobody waits for them."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('orders', '0011_staff_interventions'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(fields=['service', '-id'], name='order_by_service'),
        ),
        AddIndexConcurrently(
            model_name='order',
            index=django.contrib.postgres.indexes.HashIndex(fields=['link'], name='order_by_link'),
        ),
        # Its own index says less than the one above.
        migrations.AlterField(
            model_name='order',
            name='service',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='catalog.service'),
        ),
    ]
