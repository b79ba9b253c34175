"""A key belongs to whom it was shown to, and to nobody else."""

from django.db import migrations
from django.db.models import F
from django.db.models.functions import Now


def revoke_what_others_saw(apps, schema_editor):
    """End keys that somebody issued for another: two people know their text."""
    keys = apps.get_model("admin_api", "StaffKey").objects.filter(revoked_at=None)
    keys.exclude(owner=F("issued_by")).update(revoked_at=Now())


class Migration(migrations.Migration):
    dependencies = [("admin_api", "0001_staff_keys")]

    operations = [
        migrations.RunPython(revoke_what_others_saw, migrations.RunPython.noop),
        migrations.RemoveField("staffkey", "issued_by"),
        migrations.AlterModelOptions(
            "staffkey",
            options={
                "ordering": ["-id"],
                "permissions": [("manage_staffkey", "Can see and revoke keys of other members of the staff")],
            },
        ),
    ]
