"""The rules of the ledger that PostgreSQL keeps whatever program writes.

Each is named, so that a refusal says which one it was. The table of facts is in design §4.
"""

from django.db import migrations

HASH = """
-- The chain: each entry's hash covers the previous hash and every column of the entry. Amounts are cast to
-- numeric(20,5) so that 1 and 1.00000 hash alike; a JSON array keeps neighbouring texts apart.
CREATE FUNCTION wallet_entry_hash(
    previous bytea, id bigint, wallet bigint, seq bigint, debit bigint, credit bigint,
    amount numeric, balance_after numeric, key text, reason text, actor bigint, created_at timestamptz
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(previous || convert_to(jsonb_build_array(
        id, wallet, seq, debit, credit, amount::numeric(20,5)::text, balance_after::numeric(20,5)::text,
        key, reason, actor, (extract(epoch FROM created_at) * 1000000)::bigint
    )::text, 'UTF8'))
$$;
"""

IMMUTABLE = """
CREATE FUNCTION wallet_refuse_entry_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger entries never change: % refused', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'entry_is_immutable';
END $$;
CREATE TRIGGER entry_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON wallet_ledgerentry
    FOR EACH STATEMENT EXECUTE FUNCTION wallet_refuse_entry_change();
"""

CHAIN = """
ALTER TABLE wallet_ledgerentry ADD CONSTRAINT entry_starts_where_last_ended
    FOREIGN KEY (wallet_id, previous_seq, balance_before)
    REFERENCES wallet_ledgerentry (wallet_id, seq, balance_after);
"""

MOVES = """
CREATE FUNCTION wallet_check_move_has_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    w wallet_wallet;
BEGIN
    -- The row as it is at commit: an earlier state within the transaction does not matter.
    SELECT * INTO w FROM wallet_wallet WHERE account_id = NEW.account_id;
    IF w.account_id IS NULL THEN
        RETURN NULL;
    END IF;
    -- An entry after the one the wallet names means that the wallet was turned back.
    IF NOT EXISTS (SELECT 1 FROM wallet_ledgerentry e WHERE e.wallet_id = w.account_id AND e.seq = w.seq + 1) AND (
        (w.seq = 0 AND w.balance = 0 AND w.head = '')
        OR EXISTS (
            SELECT 1 FROM wallet_ledgerentry e
            WHERE e.wallet_id = w.account_id AND e.seq = w.seq AND e.balance_after = w.balance AND e.hash = w.head
        )
    ) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'wallet % moved without its ledger entry', w.account_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_move_has_entry';
END $$;
CREATE CONSTRAINT TRIGGER wallet_move_has_entry AFTER INSERT OR UPDATE OF balance, seq, head ON wallet_wallet
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wallet_check_move_has_entry();

CREATE FUNCTION wallet_check_entry_has_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM wallet_wallet w WHERE w.account_id = NEW.wallet_id AND w.seq >= NEW.seq) THEN
        RAISE EXCEPTION 'ledger entry % did not move its wallet', NEW.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_move';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_has_move AFTER INSERT ON wallet_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wallet_check_entry_has_move();
"""

CURRENCY = """
CREATE FUNCTION wallet_refuse_currency_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'wallet % has entries in %', OLD.account_id, OLD.currency
        USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_currency_is_fixed';
END $$;
CREATE TRIGGER wallet_currency_is_fixed BEFORE UPDATE OF currency, account_id, user_id ON wallet_wallet
    FOR EACH ROW WHEN (
        OLD.seq > 0
        AND (OLD.currency, OLD.account_id, OLD.user_id) IS DISTINCT FROM (NEW.currency, NEW.account_id, NEW.user_id)
    )
    EXECUTE FUNCTION wallet_refuse_currency_change();
"""

UNDO = """
DROP TRIGGER wallet_currency_is_fixed ON wallet_wallet;
DROP FUNCTION wallet_refuse_currency_change;
DROP TRIGGER entry_has_move ON wallet_ledgerentry;
DROP FUNCTION wallet_check_entry_has_move;
DROP TRIGGER wallet_move_has_entry ON wallet_wallet;
DROP FUNCTION wallet_check_move_has_entry;
ALTER TABLE wallet_ledgerentry DROP CONSTRAINT entry_starts_where_last_ended;
DROP TRIGGER entry_is_immutable ON wallet_ledgerentry;
DROP FUNCTION wallet_refuse_entry_change;
DROP FUNCTION wallet_entry_hash;
"""


class Migration(migrations.Migration):
    dependencies = [("wallet", "0001_initial")]

    operations = [migrations.RunSQL(HASH + IMMUTABLE + CHAIN + MOVES + CURRENCY, UNDO)]
