"""Messages never change, whatever program writes."""

from django.db import migrations

RULES = """
CREATE FUNCTION support_refuse_message_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'messages never change: % refused', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'message_is_immutable';
END $$;
CREATE TRIGGER message_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON support_message
    FOR EACH STATEMENT EXECUTE FUNCTION support_refuse_message_change();
-- Pictures are compressed already: do not try again with each of them.
ALTER TABLE support_attachment ALTER COLUMN content SET STORAGE EXTERNAL;
"""

UNDO = """
DROP TRIGGER message_is_immutable ON support_message;
DROP FUNCTION support_refuse_message_change;
ALTER TABLE support_attachment ALTER COLUMN content SET STORAGE EXTENDED;
"""


class Migration(migrations.Migration):
    dependencies = [("support", "0001_initial")]

    operations = [migrations.RunSQL(RULES, UNDO)]
