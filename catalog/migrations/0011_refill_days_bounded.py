"""Bound the days in which a refill can be asked for: longer ones led to no date, and asking failed."""

import django.core.validators
from django.db import migrations, models

# Whoever wrote more meant "for ever".
CLAMP = "UPDATE catalog_service SET refill_days = 36500 WHERE refill_days > 36500"


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0010_say_what_is_wrong'),
    ]

    operations = [
        migrations.RunSQL(CLAMP, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='service',
            name='refill_days',
            field=models.PositiveIntegerField(default=365, help_text='Counted from completion.', validators=[django.core.validators.MaxValueValidator(36500)]),
        ),
        migrations.AddConstraint(
            model_name='service',
            constraint=models.CheckConstraint(condition=models.Q(('refill_days__lte', 36500)), name='service_refill_days_bounded', violation_error_message='The time for refills cannot be longer than a hundred years.'),
        ),
    ]
