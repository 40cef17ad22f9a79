"""Indexes that hold what the lists of runs are filtered by, so that they read the rows of a page alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0015_run_in_words")]

    operations = [
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                fields=["tenant", "-created_at", "id"], include=("status", "team", "source"), name="execution_of_tenant"
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                fields=["tenant", "team", "-created_at", "id"],
                include=("status", "source", "version"),
                name="execution_of_team",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["-created_at", "id"], include=("status", "source"), name="execution_newest"),
        ),
        migrations.RemoveIndex(model_name="execution", name="execution_days"),
        migrations.RemoveIndex(model_name="execution", name="execution_team"),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(fields=["tenant", "-asked_at", "id"], name="approval_tenant"),
        ),
    ]
