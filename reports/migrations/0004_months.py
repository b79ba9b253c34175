"""Months beside the days. Nothing is added up here: workers do it in turns, see `reports/months.py` and `reports/past.py`."""

import panel.fields
from django.db import migrations, models

TRIGGERS = """
-- What is added to days is added to their months, where these are complete: the panel has a row of them then.
CREATE FUNCTION reports_add_to_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO reports_monthfigure AS kept
            (kind, subject_id, month, orders, charged, refunded, deposited, other, cost, returned)
        SELECT n.kind, n.subject_id, date_trunc('month', n.day::timestamp)::date, sum(n.orders - o.orders),
            sum(n.charged - o.charged), sum(n.refunded - o.refunded), sum(n.deposited - o.deposited),
            sum(n.other - o.other), sum(n.cost - o.cost), sum(n.returned - o.returned)
        FROM fresh n JOIN stale o ON o.id = n.id
        WHERE date_trunc('month', n.day::timestamp)::date IN (SELECT month FROM reports_monthfigure WHERE kind = 'panel')
        GROUP BY 1, 2, 3
        ON CONFLICT (kind, month, subject_id) DO UPDATE SET
            orders = kept.orders + excluded.orders, charged = kept.charged + excluded.charged,
            refunded = kept.refunded + excluded.refunded, deposited = kept.deposited + excluded.deposited,
            other = kept.other + excluded.other, cost = kept.cost + excluded.cost,
            returned = kept.returned + excluded.returned;
    ELSE
        INSERT INTO reports_monthfigure AS kept
            (kind, subject_id, month, orders, charged, refunded, deposited, other, cost, returned)
        SELECT n.kind, n.subject_id, date_trunc('month', n.day::timestamp)::date, sum(n.orders),
            sum(n.charged), sum(n.refunded), sum(n.deposited), sum(n.other), sum(n.cost), sum(n.returned)
        FROM fresh n
        WHERE date_trunc('month', n.day::timestamp)::date IN (SELECT month FROM reports_monthfigure WHERE kind = 'panel')
        GROUP BY 1, 2, 3
        ON CONFLICT (kind, month, subject_id) DO UPDATE SET
            orders = kept.orders + excluded.orders, charged = kept.charged + excluded.charged,
            refunded = kept.refunded + excluded.refunded, deposited = kept.deposited + excluded.deposited,
            other = kept.other + excluded.other, cost = kept.cost + excluded.cost,
            returned = kept.returned + excluded.returned;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER new_days_add_to_months AFTER INSERT ON reports_dayfigure
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION reports_add_to_months();
CREATE TRIGGER days_add_to_months AFTER UPDATE ON reports_dayfigure
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION reports_add_to_months();
"""

UNDO = """
DROP TRIGGER days_add_to_months ON reports_dayfigure;
DROP TRIGGER new_days_add_to_months ON reports_dayfigure;
DROP FUNCTION reports_add_to_months;
"""

# Of later attempts the triggers of 0002 write the costs. Where they have written those of earlier ones, too, workers find
# nothing left to write.
PAST = """
INSERT INTO reports_foldcursor (source, folded, candidate) SELECT 'past', 0, max(id) FROM orders_attempt
ON CONFLICT (source) DO NOTHING
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reports', '0003_account_days'),
        ('orders', '0010_lists_by_customer'),
    ]

    operations = [
        migrations.CreateModel(
            name='MonthFigure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('panel', 'Panel'), ('service', 'Service'), ('provider', 'Provider'), ('customer', 'Customer')], max_length=8)),
                ('subject_id', models.BigIntegerField(help_text='Of the service, provider or customer; 0 for the panel.')),
                ('orders', models.PositiveIntegerField(help_text='Of a provider: runs that it accepted.')),
                ('charged', panel.fields.MoneyField(decimal_places=5, help_text='Of a provider: our price of what it was sent.', max_digits=20)),
                ('refunded', panel.fields.MoneyField(decimal_places=5, help_text='Of a provider: our price of what it did not deliver.', max_digits=20)),
                ('deposited', panel.fields.MoneyField(decimal_places=5, max_digits=20)),
                ('other', panel.fields.MoneyField(decimal_places=5, help_text='Bonuses and adjustments; below zero where they took money from customers.', max_digits=20)),
                ('cost', panel.fields.MoneyField(decimal_places=5, help_text='What providers took.', max_digits=20)),
                ('returned', panel.fields.MoneyField(decimal_places=5, help_text='What providers gave back.', max_digits=20)),
                ('month', models.DateField(help_text='Its first day.')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(models.F('kind'), models.F('month'), models.F('subject_id'), name='monthfigure_once')],
            },
        ),
        migrations.RunSQL(TRIGGERS, UNDO),
        migrations.RunSQL(PAST, "DELETE FROM reports_foldcursor WHERE source = 'past'"),
    ]
