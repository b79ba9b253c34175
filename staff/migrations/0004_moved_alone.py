"""Find what a member of the staff moved alone within a day."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('staff', '0003_history_of_one'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(condition=models.Q(('amount__isnull', False), ('approver', None)), fields=['actor', 'at'], name='audit_moved_alone'),
        ),
    ]
