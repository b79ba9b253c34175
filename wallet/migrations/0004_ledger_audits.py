"""Keep the outcome of every audit of the ledger."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('wallet', '0003_house_side'),
    ]

    operations = [
        migrations.CreateModel(
            name='LedgerAudit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('entries', models.BigIntegerField()),
                ('mismatches', models.BigIntegerField()),
                ('seconds', models.FloatField(help_text='How long it took.')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('entries__gte', 0), ('mismatches__gte', 0)), name='audit_counts_not_negative')],
            },
        ),
    ]
