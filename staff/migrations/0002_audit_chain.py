"""The staff log is numbered, chained and never changed, whatever program writes."""

from django.db import migrations

CHAIN = """
-- Each hash covers the previous one and every column. A JSON array keeps neighbouring texts apart, and jsonb writes
-- equal objects alike.
CREATE FUNCTION staff_entry_hash(previous bytea, entry staff_auditentry)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(previous || convert_to(jsonb_build_array(
        entry.id, entry.seq, (extract(epoch FROM entry.at) * 1000000)::bigint, entry.actor_id, entry.actor_name,
        entry.approver_id, entry.operation, entry.subject_model, entry.subject_id, entry.before, entry.after,
        entry.reason, entry.outcome, entry.amount::numeric(20,5)::text, entry.channel, entry.address
    )::text, 'UTF8'))
$$;
CREATE FUNCTION staff_chain_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last staff_auditentry;
BEGIN
    -- One after the other until each has committed: the next statement sees what came before.
    PERFORM pg_advisory_xact_lock(hashtext('staff_auditentry'));
    SELECT * INTO last FROM staff_auditentry ORDER BY seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.hash := staff_entry_hash(coalesce(last.hash, ''), NEW);
    RETURN NEW;
END $$;
CREATE TRIGGER entry_is_chained BEFORE INSERT ON staff_auditentry
    FOR EACH ROW EXECUTE FUNCTION staff_chain_entry();
CREATE FUNCTION staff_refuse_entry_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the staff log never changes: % refused', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'audit_entry_is_immutable';
END $$;
CREATE TRIGGER audit_entry_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION staff_refuse_entry_change();
"""

UNCHAIN = """
DROP TRIGGER audit_entry_is_immutable ON staff_auditentry;
DROP FUNCTION staff_refuse_entry_change();
DROP TRIGGER entry_is_chained ON staff_auditentry;
DROP FUNCTION staff_chain_entry();
DROP FUNCTION staff_entry_hash(bytea, staff_auditentry);
"""


class Migration(migrations.Migration):
    """Add the rules."""

    dependencies = [("staff", "0001_initial")]

    operations = [migrations.RunSQL(CHAIN, UNCHAIN)]
