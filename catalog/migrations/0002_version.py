"""Count the changes of the catalogue in one row, in the transaction of the change.

A reader that sees version N sees the tables of version N or newer, so a copy kept under N is never older
than N. A sequence would not do: it moves before the change commits.
"""

from django.db import migrations

TABLES = ["catalog_service", "catalog_category", "catalog_currency", "catalog_customrate", "catalog_discount"]

COUNT = """
INSERT INTO catalog_catalogversion (id, version) VALUES (1, 1);
CREATE FUNCTION catalog_raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_catalogversion SET version = version + 1 WHERE id = 1;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        migrations.RunSQL(COUNT, "DROP FUNCTION catalog_raise_version; DELETE FROM catalog_catalogversion;"),
        *[
            migrations.RunSQL(
                f"""CREATE TRIGGER raise_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
                    FOR EACH STATEMENT EXECUTE FUNCTION catalog_raise_version();""",
                f"DROP TRIGGER raise_version ON {table};",
            )
            for table in TABLES
        ],
    ]
