"""More rules that PostgreSQL keeps: what was sold, charged, refunded and sent agrees with itself.

An order, its runs and its ledger entry are written by one statement, so a rule that looks at more than one of
them is checked at commit. Each of these runs when an order is placed or refunded and reads by keys only.
"""

from django.db import migrations

# Also for the table of transitions: a migration that changes it disables the trigger for itself.
KEPT = """
CREATE FUNCTION orders_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER transitions_are_fixed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON orders_transition
    FOR EACH STATEMENT EXECUTE FUNCTION orders_refuse_change();
CREATE TRIGGER runs_are_kept BEFORE DELETE OR TRUNCATE ON orders_run
    FOR EACH STATEMENT EXECUTE FUNCTION orders_refuse_change();
CREATE TRIGGER attempts_are_kept BEFORE DELETE OR TRUNCATE ON orders_attempt
    FOR EACH STATEMENT EXECUTE FUNCTION orders_refuse_change();
"""

# The link is not among them: staff may have to correct it.
FACTS = """
DROP TRIGGER order_facts_are_fixed ON orders_order;
CREATE TRIGGER order_facts_are_fixed BEFORE UPDATE ON orders_order
    FOR EACH ROW WHEN (
        (
            OLD.id, OLD.customer_id, OLD.api_key_id, OLD.service_id, OLD.service_type, OLD.quantity, OLD.rate,
            OLD.charge, OLD.charge_entry_id, OLD.run_count, OLD.interval_minutes, OLD.created_at, OLD.parameters
        ) IS DISTINCT FROM (
            NEW.id, NEW.customer_id, NEW.api_key_id, NEW.service_id, NEW.service_type, NEW.quantity, NEW.rate,
            NEW.charge, NEW.charge_entry_id, NEW.run_count, NEW.interval_minutes, NEW.created_at, NEW.parameters
        )
        OR NEW.refunded < OLD.refunded
    )
    EXECUTE FUNCTION orders_refuse_fact_change();
"""

MONEY = """
CREATE FUNCTION orders_check_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM wallet_ledgerentry e JOIN wallet_wallet w ON w.account_id = e.debit_id
        WHERE e.id = NEW.charge_entry_id AND e.key = 'charge:order:' || NEW.id AND e.amount = NEW.charge
            AND w.user_id = NEW.customer_id
    ) THEN
        RAISE EXCEPTION 'order %: ledger entry % is not its charge', NEW.id, NEW.charge_entry_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_charge_is_its_own';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER order_charge_is_its_own AFTER INSERT ON orders_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.charge_entry_id IS NOT NULL)
    EXECUTE FUNCTION orders_check_charge();

CREATE FUNCTION orders_check_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o record;
    posted record;
BEGIN
    -- The row as it is at commit: an earlier state within the transaction does not matter.
    SELECT id, customer_id, refunded, refund_count INTO o FROM orders_order WHERE id = NEW.id;
    IF o.id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(*) AS entries, coalesce(sum(e.amount), 0) AS amount INTO posted
    FROM wallet_wallet w JOIN wallet_ledgerentry e ON e.credit_id = w.account_id
    WHERE w.user_id = o.customer_id AND e.key = ANY (
        ARRAY(SELECT 'refund:order:' || o.id || ':' || number FROM generate_series(1, o.refund_count) number)
    );
    IF (posted.entries, posted.amount) IS DISTINCT FROM (o.refund_count::bigint, o.refunded) THEN
        RAISE EXCEPTION 'order %: % refunded in %, ledger says % in %',
            o.id, o.refunded, o.refund_count, posted.amount, posted.entries
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_refunds_have_entries';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER order_refunds_have_entries AFTER UPDATE OF refunded, refund_count ON orders_order
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.refunded, OLD.refund_count) IS DISTINCT FROM (NEW.refunded, NEW.refund_count))
    EXECUTE FUNCTION orders_check_refunds();

CREATE FUNCTION orders_refuse_refunded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order %: nothing is refunded when it is placed', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'order_refunds_have_entries';
END $$;
CREATE TRIGGER order_starts_without_refunds BEFORE INSERT ON orders_order
    FOR EACH ROW WHEN (NEW.refunded <> 0 OR NEW.refund_count <> 0) EXECUTE FUNCTION orders_refuse_refunded();
"""

# Runs never vanish, so numbers 1 to `run_count` are complete for good once they were at the first run's commit.
RUNS = """
CREATE FUNCTION orders_refuse_run_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'run %: order, number and quantity do not change', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'run_facts_are_fixed';
END $$;
CREATE TRIGGER run_facts_are_fixed BEFORE UPDATE ON orders_run
    FOR EACH ROW WHEN (
        (OLD.id, OLD.order_id, OLD.number, OLD.quantity)
        IS DISTINCT FROM
        (NEW.id, NEW.order_id, NEW.number, NEW.quantity)
    )
    EXECUTE FUNCTION orders_refuse_run_change();

CREATE FUNCTION orders_check_runs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    holds boolean;
BEGIN
    IF NEW.number = 1 THEN
        SELECT (o.run_count::bigint, o.quantity::bigint)
            = (SELECT count(*), sum(r.quantity) FROM orders_run r WHERE r.order_id = o.id)
        INTO holds FROM orders_order o WHERE o.id = NEW.order_id;
    ELSE
        SELECT NEW.number BETWEEN 1 AND o.run_count
            AND EXISTS (SELECT 1 FROM orders_run r WHERE r.order_id = o.id AND r.number = 1)
        INTO holds FROM orders_order o WHERE o.id = NEW.order_id;
    END IF;
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION 'order %: run % does not fit, or the runs are not what was ordered', NEW.order_id, NEW.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_is_its_runs';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER order_is_its_runs AFTER INSERT ON orders_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_check_runs();
"""

ATTEMPTS = """
CREATE FUNCTION orders_check_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt %: % may not follow %', OLD.id, NEW.state, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'attempt_transition';
END $$;
CREATE TRIGGER attempt_transition BEFORE UPDATE OF state ON orders_attempt
    FOR EACH ROW WHEN (
        OLD.state <> NEW.state AND OLD.state <> 'in_flight'
        AND NOT (OLD.state = 'unknown' AND NEW.state IN ('accepted', 'absent'))
    )
    EXECUTE FUNCTION orders_check_attempt();
"""

UNDO = """
DROP TRIGGER attempt_transition ON orders_attempt;
DROP FUNCTION orders_check_attempt;
DROP TRIGGER order_is_its_runs ON orders_run;
DROP FUNCTION orders_check_runs;
DROP TRIGGER run_facts_are_fixed ON orders_run;
DROP FUNCTION orders_refuse_run_change;
DROP TRIGGER order_starts_without_refunds ON orders_order;
DROP FUNCTION orders_refuse_refunded;
DROP TRIGGER order_refunds_have_entries ON orders_order;
DROP FUNCTION orders_check_refunds;
DROP TRIGGER order_charge_is_its_own ON orders_order;
DROP FUNCTION orders_check_charge;
DROP TRIGGER order_facts_are_fixed ON orders_order;
CREATE TRIGGER order_facts_are_fixed BEFORE UPDATE ON orders_order
    FOR EACH ROW WHEN (
        (OLD.id, OLD.customer_id, OLD.service_id, OLD.quantity, OLD.rate, OLD.charge, OLD.charge_entry_id)
        IS DISTINCT FROM
        (NEW.id, NEW.customer_id, NEW.service_id, NEW.quantity, NEW.rate, NEW.charge, NEW.charge_entry_id)
        OR NEW.refunded < OLD.refunded
    )
    EXECUTE FUNCTION orders_refuse_fact_change();
DROP TRIGGER attempts_are_kept ON orders_attempt;
DROP TRIGGER runs_are_kept ON orders_run;
DROP TRIGGER transitions_are_fixed ON orders_transition;
DROP FUNCTION orders_refuse_change;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_order_rules")]

    operations = [migrations.RunSQL(KEPT + FACTS + MONEY + RUNS + ATTEMPTS, UNDO)]
