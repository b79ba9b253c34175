"""An attempt that a person found absent may turn out to be accepted, while its run has not left again.

Only the function is replaced: the trigger's own condition calls it for this pair as for every other that may not be, and
no table is locked for it.
"""

from django.db import migrations

ALLOW = """
CREATE OR REPLACE FUNCTION orders_check_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'absent' AND NEW.state = 'accepted' AND EXISTS (
        SELECT 1 FROM orders_run r
        WHERE r.id = NEW.run_id AND r.state = 'submitting' AND r.provider_id = NEW.provider_id
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'attempt %: % may not follow %', OLD.id, NEW.state, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'attempt_transition';
END $$;
"""

FORBID = """
CREATE OR REPLACE FUNCTION orders_check_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt %: % may not follow %', OLD.id, NEW.state, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'attempt_transition';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0015_walks")]

    operations = [migrations.RunSQL(ALLOW, FORBID)]
