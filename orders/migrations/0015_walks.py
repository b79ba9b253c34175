"""How far those have come who look at waiting runs in turns; two rows at most."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0014_tracking_turns'),
    ]

    operations = [
        migrations.CreateModel(
            name='Walk',
            fields=[
                ('over', models.CharField(choices=[('held', 'runs that are held'), ('out_of_reach', 'runs that wait at a provider that is not sound')], max_length=16, primary_key=True, serialize=False)),
                ('after_at', models.DateTimeField(help_text='The last run that was taken; empty at the beginning.', null=True)),
                ('after_id', models.BigIntegerField(default=0)),
                ('until', models.DateTimeField(help_text='When this walk began: what came later is for the next one.')),
            ],
        ),
    ]
