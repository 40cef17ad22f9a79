"""What somebody did is found by an index, also where they did little among many."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("teams", "0006_audit_when")]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["tenant", "actor", "-id"], name="audit_actor"),
        ),
    ]
