"""The index of a tenant's runs in their order holds status and team, too: the dashboard reads it alone."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("executions", "0013_test_events")]

    operations = [
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["tenant", "-created_at", "id"], include=("status", "team"), name="execution_days"),
        ),
        migrations.RemoveIndex(model_name="execution", name="execution_tenant"),
    ]
