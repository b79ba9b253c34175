"""Let a service have a price rule and a markup of its own."""

import django.core.validators
import panel.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0005_service_updates'),
    ]

    operations = [
        migrations.AddField(
            model_name='service',
            name='markup_fixed',
            field=panel.fields.MoneyField(blank=True, decimal_places=5, help_text="On top of that, per 1000 (packages: for one), in the base currency; empty: its provider's.", max_digits=20, null=True, validators=[django.core.validators.MinValueValidator(0)]),
        ),
        migrations.AddField(
            model_name='service',
            name='markup_percent',
            field=models.DecimalField(blank=True, decimal_places=2, help_text="On the provider's price; empty: its provider's.", max_digits=7, null=True, validators=[django.core.validators.MinValueValidator(0)]),
        ),
        migrations.AddField(
            model_name='service',
            name='price_rule',
            field=models.CharField(blank=True, choices=[('follow', "Follow the provider's price, with the markup"), ('keep', 'Keep our price')], db_default='', default='', help_text="Empty: its provider's. A price that is followed is written again by the next sync.", max_length=10),
        ),
        migrations.AddField(
            model_name='service',
            name='rounding',
            field=models.CharField(blank=True, choices=[('0.00001', 'five decimals'), ('0.001', 'up to a thousandth'), ('0.01', 'up to a hundredth'), ('0.1', 'up to a tenth'), ('1', 'up to a whole unit')], db_default='', default='', help_text="Empty: its provider's.", max_length=10),
        ),
        migrations.AddConstraint(
            model_name='service',
            constraint=models.CheckConstraint(condition=models.Q(('markup_percent__isnull', True), ('markup_percent__gte', 0), _connector='OR'), name='service_markup_percent_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='service',
            constraint=models.CheckConstraint(condition=models.Q(('markup_fixed__isnull', True), ('markup_fixed__gte', 0), _connector='OR'), name='service_markup_fixed_not_negative'),
        ),
    ]
