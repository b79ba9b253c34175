"""Let a service have several routes, tried in order, and keep what changes in it."""

import django.db.models.deletion
import django.db.models.functions.datetime
import panel.fields
from django.db import migrations, models


# A service had one provider in its own row; that becomes its first route. Checked at once, because a table
# with checks still to come cannot be altered.
COPY = """
INSERT INTO catalog_route (service_id, provider_id, provider_service, cost, priority, is_active)
SELECT id, provider_id, provider_service, cost, 1, true FROM catalog_service ORDER BY id;
SET CONSTRAINTS ALL IMMEDIATE;
"""
COPY_BACK = """
UPDATE catalog_service s SET provider_id = r.provider_id, provider_service = r.provider_service, cost = r.cost
FROM (
    SELECT DISTINCT ON (service_id) service_id, provider_id, provider_service, cost
    FROM catalog_route ORDER BY service_id, priority, id
) r WHERE r.service_id = s.id;
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0003_base_currency'),
        ('providers', '0002_upstream_panels'),
    ]

    operations = [
        migrations.AddField(
            model_name='service',
            name='allow_loss',
            field=models.BooleanField(default=False, help_text='Send its orders also when they cost more than they bring.'),
        ),
        migrations.AddField(
            model_name='service',
            name='off_sale_because',
            field=models.CharField(blank=True, choices=[('gone', 'its provider no longer sells it'), ('loss', 'it costs more than it brings')], editable=False, help_text='Why the sync took it off sale; it puts it back itself. Empty when staff did.', max_length=10),
        ),
        migrations.CreateModel(
            name='Route',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider_service', models.CharField(max_length=50, verbose_name="provider's service id")),
                ('cost', panel.fields.MoneyField(decimal_places=5, default=0, help_text='What the provider takes per 1000 (packages: for one), in its currency.', max_digits=20)),
                ('min', models.PositiveIntegerField(blank=True, help_text='The least it takes; empty: nobody knows.', null=True)),
                ('max', models.PositiveIntegerField(blank=True, help_text='The most it takes; empty: nobody knows.', null=True)),
                ('priority', models.PositiveSmallIntegerField(default=1, help_text='1 is tried first.')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('gone_at', models.DateTimeField(editable=False, help_text='Since when its provider no longer lists it; not used meanwhile.', null=True)),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='routes', to='providers.provider')),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='routes', to='catalog.service')),
            ],
            options={
                'ordering': ['priority', 'id'],
            },
        ),
        migrations.CreateModel(
            name='ServiceUpdate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('field', models.CharField(choices=[('added', 'Added'), ('rate', 'Rate'), ('min', 'Min'), ('max', 'Max'), ('refill', 'Refill'), ('cancel', 'Cancel'), ('is_active', 'on sale'), ('cost', 'Cost'), ('gone', 'gone at the provider')], max_length=10)),
                ('old', models.CharField(blank=True, max_length=40)),
                ('new', models.CharField(blank=True, max_length=40)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('route', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='updates', to='catalog.route')),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='updates', to='catalog.service')),
            ],
        ),
        migrations.AddConstraint(
            model_name='route',
            constraint=models.UniqueConstraint(models.F('service'), models.F('provider'), models.F('provider_service'), name='route_once'),
        ),
        migrations.AddConstraint(
            model_name='route',
            constraint=models.CheckConstraint(condition=models.Q(('cost__gte', 0)), name='route_cost_not_negative'),
        ),
        migrations.AddIndex(
            model_name='serviceupdate',
            index=models.Index(condition=models.Q(('route__isnull', True)), fields=['-id'], name='service_update_public'),
        ),
        migrations.RunSQL(COPY, COPY_BACK),
        migrations.RemoveField(
            model_name='service',
            name='cost',
        ),
        migrations.RemoveField(
            model_name='service',
            name='provider',
        ),
        migrations.RemoveField(
            model_name='service',
            name='provider_service',
        ),
    ]
