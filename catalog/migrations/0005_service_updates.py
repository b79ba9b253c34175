"""Count changes of routes as changes of the catalogue, and write down what customers and staff should know of."""

from django.db import migrations

VERSION = """
CREATE TRIGGER raise_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON catalog_route
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_raise_version();
"""

SERVICES = """
CREATE FUNCTION catalog_note_service() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER note_added AFTER INSERT ON catalog_service FOR EACH ROW EXECUTE FUNCTION catalog_note_service();
CREATE TRIGGER note_changed AFTER UPDATE ON catalog_service FOR EACH ROW
    WHEN (
        (OLD.rate, OLD.min, OLD.max, OLD.refill, OLD.cancel, OLD.is_active)
        IS DISTINCT FROM
        (NEW.rate, NEW.min, NEW.max, NEW.refill, NEW.cancel, NEW.is_active)
    )
    EXECUTE FUNCTION catalog_note_service();

-- Whoever puts a service on sale again ends the reason why the sync had taken it off.
CREATE FUNCTION catalog_end_off_sale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.off_sale_because := '';
    RETURN NEW;
END $$;
CREATE TRIGGER on_sale_without_reason BEFORE INSERT OR UPDATE ON catalog_service FOR EACH ROW
    WHEN (NEW.is_active AND NEW.off_sale_because <> '') EXECUTE FUNCTION catalog_end_off_sale();
"""

ROUTES = """
CREATE FUNCTION catalog_note_route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_serviceupdate (service_id, route_id, field, old, new, at)
    SELECT NEW.service_id, NEW.id, field, was, becomes, statement_timestamp() FROM (VALUES
        ('cost', OLD.cost::text, NEW.cost::text),
        ('gone', (OLD.gone_at IS NOT NULL)::text, (NEW.gone_at IS NOT NULL)::text)
    ) AS change (field, was, becomes) WHERE was <> becomes;
    RETURN NULL;
END $$;
CREATE TRIGGER note_changed AFTER UPDATE ON catalog_route FOR EACH ROW
    WHEN ((OLD.cost, OLD.gone_at IS NULL) IS DISTINCT FROM (NEW.cost, NEW.gone_at IS NULL))
    EXECUTE FUNCTION catalog_note_route();
"""

UNDO = """
DROP TRIGGER note_changed ON catalog_route;
DROP FUNCTION catalog_note_route;
DROP TRIGGER on_sale_without_reason ON catalog_service;
DROP FUNCTION catalog_end_off_sale;
DROP TRIGGER note_changed ON catalog_service;
DROP TRIGGER note_added ON catalog_service;
DROP FUNCTION catalog_note_service;
DROP TRIGGER raise_version ON catalog_route;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_routes")]

    operations = [migrations.RunSQL(VERSION + SERVICES + ROUTES, UNDO)]
