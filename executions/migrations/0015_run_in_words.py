"""An execution is called a run where people read it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("executions", "0014_days")]

    operations = [
        migrations.AlterModelOptions(
            name="execution",
            options={
                "ordering": ["-created_at"], "verbose_name": "run", "abstract": False,
                "base_manager_name": "across_tenants",
            },  # fmt: skip
        ),
    ]
