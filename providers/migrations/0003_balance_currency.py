"""Keep the currency in which a provider says it counts, which may not be the one we take it for."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('providers', '0002_upstream_panels'),
    ]

    operations = [
        migrations.AddField(
            model_name='provider',
            name='balance_currency',
            field=models.CharField(blank=True, db_default='', default='', editable=False, help_text='What it says it counts in.', max_length=3),
        ),
    ]
