"""What was tried stays what it was: an attempt begins in flight, for a run that is being submitted there."""

from django.db import migrations

ATTEMPTS = """
CREATE FUNCTION orders_check_new_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'in_flight' OR NOT EXISTS (
        SELECT 1 FROM orders_run r
        WHERE r.id = NEW.run_id AND r.state = 'submitting' AND r.provider_id = NEW.provider_id
    ) THEN
        RAISE EXCEPTION 'run % is not being submitted to provider %, or the attempt is over', NEW.run_id, NEW.provider_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'attempt_starts_in_flight';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attempt_starts_in_flight BEFORE INSERT ON orders_attempt
    FOR EACH ROW EXECUTE FUNCTION orders_check_new_attempt();

CREATE FUNCTION orders_refuse_attempt_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt %: run, provider, route, cost and start do not change', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'attempt_facts_are_fixed';
END $$;
CREATE TRIGGER attempt_facts_are_fixed BEFORE UPDATE ON orders_attempt
    FOR EACH ROW WHEN (
        (OLD.id, OLD.run_id, OLD.provider_id, OLD.route_id, OLD.cost, OLD.started_at)
        IS DISTINCT FROM
        (NEW.id, NEW.run_id, NEW.provider_id, NEW.route_id, NEW.cost, NEW.started_at)
    )
    EXECUTE FUNCTION orders_refuse_attempt_change();
"""

UNDO = """
DROP TRIGGER attempt_facts_are_fixed ON orders_attempt;
DROP FUNCTION orders_refuse_attempt_change;
DROP TRIGGER attempt_starts_in_flight ON orders_attempt;
DROP FUNCTION orders_check_new_attempt;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_routes")]

    operations = [migrations.RunSQL(ATTEMPTS, UNDO)]
