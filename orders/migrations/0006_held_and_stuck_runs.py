"""Give held and stuck runs permissions of their own."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0005_attempt_rules'),
    ]

    operations = [
        migrations.CreateModel(
            name='HeldRun',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': ('change', 'view'),
                'indexes': [],
                'constraints': [],
            },
            bases=('orders.run',),
        ),
        migrations.CreateModel(
            name='StuckRun',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': ('view',),
                'indexes': [],
                'constraints': [],
            },
            bases=('orders.run',),
        ),
    ]
