"""The audit trail by day: the admin's list is narrowed by date."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("teams", "0005_membership_notify_approvals")]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["tenant", "at"], name="audit_when"),
        ),
    ]
