"""Tool steps that were begun, approvals that are asked for, and what happens when nobody decides."""

from django.db import migrations, models

from teams.rls import DefinerFunction, SqlFile


class Migration(migrations.Migration):
    dependencies = [("executions", "0004_lean_indexes")]

    operations = [
        migrations.AddField("approval", "tool", models.CharField(default="", max_length=100), preserve_default=False),
        migrations.AddField(
            "approval", "role", models.CharField(blank=True, default="", max_length=100), preserve_default=False
        ),
        migrations.AddIndex(
            "approval",
            models.Index(fields=["expires_at"], name="approval_undecided", condition=models.Q(decision="")),
        ),
        migrations.AlterField(
            "approval",
            "decision",
            models.CharField(
                blank=True,
                choices=[("approved", "Approved"), ("rejected", "Rejected"), ("expired", "Expired")],
                max_length=10,
            ),
        ),
        SqlFile(
            "executions/sql/engine_v3.sql",
            reverse="DROP FUNCTION reap_v2(interval, integer, interval); DROP FUNCTION asks_people_v1(uuid);"
            " DROP FUNCTION finish_v2(uuid, uuid, bigint, jsonb); DROP FUNCTION claim_v3(text, interval, integer);",
        ),
        DefinerFunction("claim_v3(text, interval, integer)", "reap_v2(interval, integer, interval)"),
    ]
