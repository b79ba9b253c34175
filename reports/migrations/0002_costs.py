"""Keep what providers take and give back as movements, whatever program changes attempts and runs.

What happened before is written down by workers, in turns: see `reports/past.py`.
"""

from django.db import migrations

TRIGGERS = """
CREATE FUNCTION reports_note_cost() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_costentry (attempt_id, run_id, provider_id, units, amount, at)
    SELECT NEW.id, NEW.run_id, NEW.provider_id, r.quantity, coalesce(NEW.cost, 0), now()
    FROM orders_run r WHERE r.id = NEW.run_id
    ON CONFLICT (attempt_id) WHERE units > 0 DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER attempt_accepted_costs AFTER UPDATE OF state ON orders_attempt
    FOR EACH ROW WHEN (NEW.state = 'accepted' AND OLD.state <> 'accepted') EXECUTE FUNCTION reports_note_cost();
CREATE TRIGGER attempt_made_accepted_costs AFTER INSERT ON orders_attempt
    FOR EACH ROW WHEN (NEW.state = 'accepted') EXECUTE FUNCTION reports_note_cost();

-- What a provider did not deliver it gives back, to the same rule by which we refund: all of it at most, the sum rounded
-- down, and what came back earlier is taken off.
CREATE FUNCTION reports_note_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reports_costentry (attempt_id, run_id, provider_id, units, amount, at)
    SELECT taken.attempt_id, NEW.id, taken.provider_id, -(NEW.remains - back.units),
        -greatest(trunc(taken.amount * NEW.remains / NEW.quantity, 5) - back.amount, 0), now()
    FROM (
        SELECT m.attempt_id, m.provider_id, m.amount
        FROM orders_attempt a JOIN reports_costentry m ON m.attempt_id = a.id AND m.units > 0
        WHERE a.run_id = NEW.id ORDER BY a.id DESC LIMIT 1
    ) taken
    CROSS JOIN LATERAL (
        SELECT coalesce(-sum(m.units), 0) AS units, coalesce(-sum(m.amount), 0) AS amount
        FROM reports_costentry m WHERE m.attempt_id = taken.attempt_id AND m.units < 0
    ) back
    WHERE NEW.remains > back.units;
    RETURN NULL;
END $$;
CREATE TRIGGER run_undelivered_returns AFTER UPDATE OF state, remains ON orders_run
    FOR EACH ROW WHEN (NEW.state IN ('completed', 'partial', 'canceled') AND NEW.remains > 0)
    EXECUTE FUNCTION reports_note_return();

CREATE TRIGGER costs_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON reports_costentry
    FOR EACH STATEMENT EXECUTE FUNCTION orders_refuse_change();
"""

UNDO = """
DROP TRIGGER costs_are_kept ON reports_costentry;
DROP TRIGGER run_undelivered_returns ON orders_run;
DROP FUNCTION reports_note_return;
DROP TRIGGER attempt_made_accepted_costs ON orders_attempt;
DROP TRIGGER attempt_accepted_costs ON orders_attempt;
DROP FUNCTION reports_note_cost;
"""


class Migration(migrations.Migration):
    dependencies = [("reports", "0001_figures"), ("orders", "0010_lists_by_customer")]

    operations = [migrations.RunSQL(TRIGGERS, UNDO)]
