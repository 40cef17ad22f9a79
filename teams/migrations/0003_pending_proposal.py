"""What the Team Builder proposes waits with the team; history rows do not keep it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("teams", "0002_isolation")]

    operations = [
        migrations.AddField(
            model_name="team",
            name="pending_proposal",
            field=models.JSONField(
                blank=True,
                editable=False,
                help_text="what the Team Builder would add, waiting for a person's approval",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="historicalteam",
            name="additions",
            field=models.JSONField(
                default=list, help_text="what the Team Builder did: kind, role, agent_id, by whom, why"
            ),
        ),
    ]
