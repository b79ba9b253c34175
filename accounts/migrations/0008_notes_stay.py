"""Notes about customers are written once, whatever program writes."""

from django.db import migrations

RULES = """
CREATE FUNCTION accounts_refuse_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'note % about a customer never changes', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'customer_note_stays';
END $$;
CREATE TRIGGER customer_note_stays BEFORE UPDATE OR DELETE ON accounts_customernote
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_note_change();
"""

UNDO = """
DROP TRIGGER customer_note_stays ON accounts_customernote;
DROP FUNCTION accounts_refuse_note_change;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_notes_and_impersonations")]

    operations = [migrations.RunSQL(RULES, UNDO)]
