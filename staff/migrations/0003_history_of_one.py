"""Find the entries about many objects by each of them."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.conf import settings
from django.db import migrations, models

# Dear, so that the planner does not read the JSON of every entry when it could ask the index.
KEYS = """
CREATE FUNCTION staff_subject_keys(about jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
    SELECT ARRAY(SELECT jsonb_object_keys(about))
$$;
"""
NO_KEYS = "DROP FUNCTION staff_subject_keys;"


class Migration(migrations.Migration):

    dependencies = [
        ('staff', '0002_audit_chain'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(KEYS, NO_KEYS),
        migrations.AddIndex(
            model_name='auditentry',
            index=django.contrib.postgres.indexes.GinIndex(models.Func(models.F('after'), function='staff_subject_keys', output_field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)), condition=models.Q(('subject_id', 'many')), name='audit_by_one_of_many'),
        ),
    ]
