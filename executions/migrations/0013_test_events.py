"""Deliveries about no run: test events."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("executions", "0012_asked_again")]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="execution",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="executions.execution",
            ),
        ),
    ]
