"""Count a customer's orders for nothing. Built beside the running panel, and only they are in it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('orders', '0012_lists_for_staff'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(condition=models.Q(('charge', 0)), fields=['customer', 'created_at'], name='order_free'),
        ),
    ]
