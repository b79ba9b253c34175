"""Note beside each change of the catalogue who wrote it, and find a service's changes newest first."""

import django.db.models.deletion
from django.db import migrations, models

# `catalog.writer` is what `writers.py` says for a transaction: "sync 7", "import 7", "staff", or nothing.
WRITER = """
CREATE FUNCTION catalog_writer() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT split_part(coalesce(current_setting('catalog.writer', true), ''), ' ', 1)
$$;
CREATE FUNCTION catalog_writer_provider() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT nullif(split_part(coalesce(current_setting('catalog.writer', true), ''), ' ', 2), '')::bigint
$$;
"""

SERVICES = """
CREATE OR REPLACE FUNCTION catalog_note_service() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO catalog_serviceupdate (service_id, field, old, new, at, writer, provider_id)
        SELECT NEW.id, 'added', '', NEW.rate::text, statement_timestamp(), catalog_writer(), catalog_writer_provider()
        WHERE NEW.is_active;
        RETURN NULL;
    END IF;
    INSERT INTO catalog_serviceupdate (service_id, field, old, new, at, writer, provider_id, reason)
    SELECT NEW.id, field, was, becomes, statement_timestamp(), catalog_writer(), catalog_writer_provider(),
        CASE WHEN field = 'is_active' THEN NEW.off_sale_because ELSE '' END
    FROM (VALUES
        ('rate', OLD.rate::text, NEW.rate::text),
        ('min', OLD.min::text, NEW.min::text),
        ('max', OLD.max::text, NEW.max::text),
        ('refill', OLD.refill::text, NEW.refill::text),
        ('cancel', OLD.cancel::text, NEW.cancel::text),
        ('is_active', OLD.is_active::text, NEW.is_active::text)
    ) AS change (field, was, becomes) WHERE was <> becomes;
    RETURN NULL;
END $$;
"""

ROUTES = """
CREATE OR REPLACE FUNCTION catalog_note_route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_serviceupdate (service_id, route_id, field, old, new, at, writer, provider_id)
    SELECT NEW.service_id, NEW.id, field, was, becomes, statement_timestamp(),
        catalog_writer(), catalog_writer_provider()
    FROM (VALUES
        ('cost', OLD.cost::text, NEW.cost::text),
        ('gone', (OLD.gone_at IS NOT NULL)::text, (NEW.gone_at IS NOT NULL)::text)
    ) AS change (field, was, becomes) WHERE was <> becomes;
    RETURN NULL;
END $$;
"""

# As they were in 0005.
SERVICES_BEFORE = """
CREATE OR REPLACE FUNCTION catalog_note_service() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO catalog_serviceupdate (service_id, field, old, new, at)
        SELECT NEW.id, 'added', '', NEW.rate::text, statement_timestamp() WHERE NEW.is_active;
        RETURN NULL;
    END IF;
    INSERT INTO catalog_serviceupdate (service_id, field, old, new, at)
    SELECT NEW.id, field, was, becomes, statement_timestamp() FROM (VALUES
        ('rate', OLD.rate::text, NEW.rate::text),
        ('min', OLD.min::text, NEW.min::text),
        ('max', OLD.max::text, NEW.max::text),
        ('refill', OLD.refill::text, NEW.refill::text),
        ('cancel', OLD.cancel::text, NEW.cancel::text),
        ('is_active', OLD.is_active::text, NEW.is_active::text)
    ) AS change (field, was, becomes) WHERE was <> becomes;
    RETURN NULL;
END $$;
"""

ROUTES_BEFORE = """
CREATE OR REPLACE FUNCTION catalog_note_route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_serviceupdate (service_id, route_id, field, old, new, at)
    SELECT NEW.service_id, NEW.id, field, was, becomes, statement_timestamp() FROM (VALUES
        ('cost', OLD.cost::text, NEW.cost::text),
        ('gone', (OLD.gone_at IS NOT NULL)::text, (NEW.gone_at IS NOT NULL)::text)
    ) AS change (field, was, becomes) WHERE was <> becomes;
    RETURN NULL;
END $$;
"""

UNDO_WRITER = "DROP FUNCTION catalog_writer_provider; DROP FUNCTION catalog_writer;"


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0008_favourites'),
        ('providers', '0003_balance_currency'),
    ]

    operations = [
        migrations.AddField(
            model_name='serviceupdate',
            name='writer',
            field=models.CharField(blank=True, choices=[('sync', 'sync'), ('import', 'import'), ('staff', 'staff: their log has it')], db_default='', help_text='Who said that they write, see `writers.py`; empty: nobody did.', max_length=10),
        ),
        migrations.AddField(
            model_name='serviceupdate',
            name='provider',
            field=models.ForeignKey(db_index=False, help_text='Whose price list it was that a sync or an import followed.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='providers.provider'),
        ),
        migrations.AddField(
            model_name='serviceupdate',
            name='reason',
            field=models.CharField(blank=True, choices=[('gone', 'its provider no longer sells it'), ('loss', 'it costs more than it brings')], db_default='', max_length=10),
        ),
        migrations.RunSQL(WRITER + SERVICES + ROUTES, ROUTES_BEFORE + SERVICES_BEFORE + UNDO_WRITER),
        migrations.AddIndex(
            model_name='serviceupdate',
            index=models.Index(fields=['service', '-id'], name='service_update_by_service'),
        ),
        # Its own index says less than the one above.
        migrations.AlterField(
            model_name='serviceupdate',
            name='service',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='updates', to='catalog.service'),
        ),
    ]
