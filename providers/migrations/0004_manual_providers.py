"""Providers that deliver by hand: nobody is called there, and no provider ever becomes another kind."""

from django.db import migrations, models

# Runs at one kind mean nothing to another: tracked, they would be asked about where nobody knows them.
KIND = """
CREATE FUNCTION providers_refuse_kind_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'provider %: its kind does not change', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'provider_kind_is_fixed';
END $$;
CREATE TRIGGER provider_kind_is_fixed BEFORE UPDATE OF kind ON providers_provider
    FOR EACH ROW WHEN (OLD.kind <> NEW.kind) EXECUTE FUNCTION providers_refuse_kind_change();
"""

UNDO = """
DROP TRIGGER provider_kind_is_fixed ON providers_provider;
DROP FUNCTION providers_refuse_kind_change;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('providers', '0003_balance_currency'),
    ]

    operations = [
        migrations.AlterField(
            model_name='provider',
            name='kind',
            field=models.CharField(choices=[('sandbox', 'Built-in sandbox'), ('panel', 'Panel with an API v2'), ('manual', 'Delivered by hand or by our own program')], max_length=20),
        ),
        migrations.AddConstraint(
            model_name='provider',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'manual'), _negated=True), models.Q(('api_url', ''), ('sealed_key', '')), _connector='OR'), name='provider_manual_is_not_called'),
        ),
        migrations.RunSQL(KIND, UNDO),
    ]
