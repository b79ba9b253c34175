"""Let runs wait at the provider they will go to, by routes; hold, watch and count what may go wrong with them."""

import django.db.models.deletion
import django.db.models.functions.datetime
import orders.transitions
import panel.fields
from django.db import migrations, models


# A queued run now waits at a provider. Checked at once, because a table with checks still to come cannot be altered.
FIND_PROVIDERS = """
UPDATE orders_run r SET route_id = first.id, provider_id = first.provider_id
FROM orders_order o, LATERAL (
    SELECT id, provider_id FROM catalog_route WHERE service_id = o.service_id ORDER BY priority, id LIMIT 1
) first
WHERE r.order_id = o.id AND r.state = 'queued';
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0005_service_updates'),
        ('orders', '0003_more_rules'),
        ('providers', '0002_upstream_panels'),
    ]

    operations = [
        migrations.CreateModel(
            name='ServicePace',
            fields=[
                ('service', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='pace', serialize=False, to='catalog.service')),
                ('sampled_runs', models.PositiveIntegerField()),
                ('p50', models.DurationField()),
                ('p95', models.DurationField()),
                ('measured_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_due',
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='run_to_poll',
        ),
        migrations.AddField(
            model_name='attempt',
            name='cost',
            field=panel.fields.MoneyField(decimal_places=5, help_text='What the provider takes for it, in the base currency.', max_digits=20, null=True),
        ),
        migrations.AddField(
            model_name='attempt',
            name='route',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.route'),
        ),
        migrations.AddField(
            model_name='cancellation',
            name='tries',
            field=models.PositiveSmallIntegerField(default=0, help_text='Times the provider was asked without an answer.'),
        ),
        migrations.AddField(
            model_name='run',
            name='alarm',
            field=models.CharField(blank=True, choices=[('waiting', 'due for minutes and not sent'), ('late', 'takes longer than is usual for its service'), ('not_known', 'its provider does not know it')], db_default='', max_length=10),
        ),
        migrations.AddField(
            model_name='run',
            name='alarm_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='expected_at',
            field=models.DateTimeField(help_text='When it should be finished, as its service usually goes.', null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='held_at',
            field=models.DateTimeField(help_text='Queued, but not to be sent before staff have looked at it.', null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='held_because',
            field=models.CharField(blank=True, db_default='', max_length=200),
        ),
        migrations.AddField(
            model_name='run',
            name='loss_accepted',
            field=models.BooleanField(db_default=False, default=False, help_text='Staff want it sent at any cost.'),
        ),
        migrations.AddField(
            model_name='run',
            name='route',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.route'),
        ),
        migrations.AddField(
            model_name='run',
            name='unknown_count',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='Times in a row that its provider did not know it.'),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='provider',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='providers.provider'),
        ),
        migrations.AlterField(
            model_name='orderevent',
            name='kind',
            field=models.CharField(choices=[('placed', 'Placed'), ('submitted', 'Submitted'), ('progress', 'Progress'), ('finished', 'Finished'), ('refunded', 'Refunded'), ('cancel_requested', 'Cancel Requested'), ('refill_requested', 'Refill Requested'), ('refill_finished', 'Refill Finished'), ('review_opened', 'Review Opened'), ('review_resolved', 'Review Resolved'), ('held', 'Held'), ('released', 'Released'), ('staff', 'Staff')], max_length=20),
        ),
        migrations.AlterField(
            model_name='run',
            name='provider',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='providers.provider'),
        ),
        migrations.RunSQL(FIND_PROVIDERS, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['provider', '-started_at'], name='attempt_by_provider'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('held_at__isnull', True), ('state', orders.transitions.RunState['QUEUED'])), fields=['provider', 'due_at'], name='run_due_at_provider'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('state__in', [orders.transitions.RunState['IN_PROGRESS'], orders.transitions.RunState['PROCESSING'], orders.transitions.RunState['SUBMITTED']])), fields=['provider', 'poll_at'], name='run_to_poll_at_provider'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('alarm', ''), ('state__in', [orders.transitions.RunState['IN_PROGRESS'], orders.transitions.RunState['PROCESSING'], orders.transitions.RunState['SUBMITTED']])), fields=['expected_at'], name='run_expected'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('alarm', ''), _negated=True), fields=['alarm_at'], name='run_alarms'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('held_at__isnull', False)), fields=['held_at'], name='run_held'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', orders.transitions.RunState['QUEUED']), _negated=True), ('provider__isnull', False), _connector='OR'), name='run_waits_at_provider'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('held_at__isnull', True), ('state', orders.transitions.RunState['QUEUED']), _connector='OR'), name='run_held_only_while_queued'),
        ),
    ]
