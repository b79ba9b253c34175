"""The other side of a wallet's entry is the house's, and a deposit stays what it was."""

from django.db import migrations

HOUSE_SIDE = """
CREATE OR REPLACE FUNCTION wallet_check_entry_has_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_moved boolean;
    is_housed boolean;
BEGIN
    SELECT w.seq >= NEW.seq, other.kind <> 'wallet' AND other.currency = w.currency
    INTO is_moved, is_housed
    FROM wallet_wallet w
    LEFT JOIN wallet_account other
        ON other.id = CASE WHEN NEW.debit_id = NEW.wallet_id THEN NEW.credit_id ELSE NEW.debit_id END
    WHERE w.account_id = NEW.wallet_id;
    IF is_moved IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger entry % did not move its wallet', NEW.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_move';
    END IF;
    IF is_housed IS NOT TRUE THEN
        RAISE EXCEPTION 'the other side of ledger entry % is no house account of its currency', NEW.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_house_side';
    END IF;
    RETURN NULL;
END $$;
"""

DEPOSITS = """
CREATE FUNCTION wallet_refuse_deposit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'deposits never change: % refused', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposit_is_immutable';
END $$;
CREATE TRIGGER deposit_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON wallet_deposit
    FOR EACH STATEMENT EXECUTE FUNCTION wallet_refuse_deposit_change();
"""

UNDO = """
DROP TRIGGER deposit_is_immutable ON wallet_deposit;
DROP FUNCTION wallet_refuse_deposit_change;
CREATE OR REPLACE FUNCTION wallet_check_entry_has_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM wallet_wallet w WHERE w.account_id = NEW.wallet_id AND w.seq >= NEW.seq) THEN
        RAISE EXCEPTION 'ledger entry % did not move its wallet', NEW.key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_move';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("wallet", "0002_ledger_rules")]

    operations = [migrations.RunSQL(HOUSE_SIDE + DEPOSITS, UNDO)]
