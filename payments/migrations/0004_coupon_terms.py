"""What a coupon gives belongs to the terms of a payment, which never change."""

from django.db import migrations

COLUMNS = ["wallet_id", "gateway_id", "amount", "request_id", "fee_percent", "fee_fixed", "bonus_percent", "bonus_from"]
COUPON_COLUMNS = ["coupon_id", "coupon_percent", "coupon_fixed", "coupon_from"]

RULES = """
CREATE OR REPLACE FUNCTION payments_check_payment() RETURNS trigger LANGUAGE plpgsql AS $$
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
        IF ({old}) IS DISTINCT FROM ({new}) THEN
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
"""


def rules(columns):
    return RULES.format(old=", ".join(f"OLD.{name}" for name in columns), new=", ".join(f"NEW.{name}" for name in columns))


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_coupons")]

    operations = [migrations.RunSQL(rules([*COLUMNS, *COUPON_COLUMNS]), rules(COLUMNS))]
