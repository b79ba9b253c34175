"""The rules of an order's life that PostgreSQL keeps whatever program writes."""

from django.db import migrations

# `orders.transitions.TRANSITIONS` as it was when this migration was written. A later change of it needs a
# migration of its own; a test compares the two tables.
PAIRS = [
    ("queued", "submitting"),
    ("queued", "canceled"),
    ("submitting", "queued"),
    ("submitting", "submitted"),
    ("submitting", "rejected"),
    ("submitting", "unknown"),
    ("submitted", "processing"),
    ("submitted", "in_progress"),
    ("submitted", "completed"),
    ("submitted", "partial"),
    ("submitted", "canceled"),
    ("processing", "in_progress"),
    ("processing", "completed"),
    ("processing", "partial"),
    ("processing", "canceled"),
    ("in_progress", "processing"),
    ("in_progress", "completed"),
    ("in_progress", "partial"),
    ("in_progress", "canceled"),
    ("completed", "partial"),
    ("completed", "canceled"),
    ("partial", "canceled"),
    ("unknown", "queued"),
    ("unknown", "submitted"),
    ("unknown", "canceled"),
]

STATES = f"""
CREATE TABLE orders_transition (source varchar(12) NOT NULL, target varchar(12) NOT NULL, PRIMARY KEY (source, target));
INSERT INTO orders_transition (source, target) VALUES {", ".join(f"('{s}', '{t}')" for s, t in PAIRS)};

CREATE FUNCTION orders_check_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'queued' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a run starts queued, not %', NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'run_transition';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM orders_transition WHERE source = OLD.state AND target = NEW.state) THEN
        RAISE EXCEPTION 'run %: % may not follow %', OLD.id, NEW.state, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'run_transition';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER run_starts_queued BEFORE INSERT ON orders_run
    FOR EACH ROW WHEN (NEW.state <> 'queued') EXECUTE FUNCTION orders_check_transition();
CREATE TRIGGER run_transition BEFORE UPDATE OF state ON orders_run
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION orders_check_transition();
ALTER TABLE orders_run ADD CONSTRAINT run_state_known
    CHECK (state IN ('queued', 'submitting', 'submitted', 'processing', 'in_progress', 'completed', 'partial', 'canceled', 'rejected', 'unknown'));
"""

EVENTS = """
CREATE FUNCTION orders_refuse_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order events never change: % refused', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_is_immutable';
END $$;
CREATE TRIGGER event_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON orders_orderevent
    FOR EACH STATEMENT EXECUTE FUNCTION orders_refuse_event_change();
"""

# What was sold does not change: only the columns that report progress do.
FACTS = """
CREATE FUNCTION orders_refuse_fact_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order %: what was sold does not change', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'order_facts_are_fixed';
END $$;
CREATE TRIGGER order_facts_are_fixed BEFORE UPDATE ON orders_order
    FOR EACH ROW WHEN (
        (OLD.id, OLD.customer_id, OLD.service_id, OLD.quantity, OLD.rate, OLD.charge, OLD.charge_entry_id)
        IS DISTINCT FROM
        (NEW.id, NEW.customer_id, NEW.service_id, NEW.quantity, NEW.rate, NEW.charge, NEW.charge_entry_id)
        OR NEW.refunded < OLD.refunded
    )
    EXECUTE FUNCTION orders_refuse_fact_change();
"""

UNDO = """
DROP TRIGGER order_facts_are_fixed ON orders_order;
DROP FUNCTION orders_refuse_fact_change;
DROP TRIGGER event_is_immutable ON orders_orderevent;
DROP FUNCTION orders_refuse_event_change;
ALTER TABLE orders_run DROP CONSTRAINT run_state_known;
DROP TRIGGER run_transition ON orders_run;
DROP TRIGGER run_starts_queued ON orders_run;
DROP FUNCTION orders_check_transition;
DROP TABLE orders_transition;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [migrations.RunSQL(STATES + EVENTS + FACTS, UNDO)]
