"""The rules of payments that PostgreSQL keeps whatever program writes."""

from django.db import migrations

RULES = """
CREATE FUNCTION payments_check_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'payment % cannot be deleted', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_stays';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.state = 'credited' THEN
            RAISE EXCEPTION 'payment % is credited and never changes', OLD.id
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_credited_is_final';
        END IF;
        IF (OLD.wallet_id, OLD.gateway_id, OLD.amount, OLD.request_id,
            OLD.fee_percent, OLD.fee_fixed, OLD.bonus_percent, OLD.bonus_from)
            IS DISTINCT FROM (NEW.wallet_id, NEW.gateway_id, NEW.amount, NEW.request_id,
            NEW.fee_percent, NEW.fee_fixed, NEW.bonus_percent, NEW.bonus_from)
        THEN
            RAISE EXCEPTION 'the terms of payment % never change', OLD.id
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_terms_are_fixed';
        END IF;
    END IF;
    IF NEW.state = 'credited' AND NOT EXISTS (
        SELECT 1 FROM wallet_deposit d
        WHERE d.id = NEW.deposit_id AND d.wallet_id = NEW.wallet_id AND d.amount = NEW.received - NEW.fee
    ) THEN
        RAISE EXCEPTION 'the deposit of payment % is not what arrived less the fee', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_deposit_is_its_own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_rules BEFORE INSERT OR UPDATE OR DELETE ON payments_payment
    FOR EACH ROW EXECUTE FUNCTION payments_check_payment();
"""

UNDO = """
DROP TRIGGER payment_rules ON payments_payment;
DROP FUNCTION payments_check_payment;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("wallet", "0003_house_side")]

    operations = [migrations.RunSQL(RULES, UNDO)]
