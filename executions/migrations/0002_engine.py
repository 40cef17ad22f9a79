"""Row level security, composite foreign keys, and the engine's hot path as SQL functions."""

from django.db import migrations

from teams.rls import DefinerFunction, IsolateTenants, SqlFile, TenantForeignKey


class Migration(migrations.Migration):
    dependencies = [("executions", "0001_initial"), ("teams", "0002_isolation")]

    operations = [
        IsolateTenants("executions_execution", "executions_step", "executions_approval", "executions_tenantslots"),
        TenantForeignKey("executions_execution", "team_id", "teams_team"),
        TenantForeignKey("executions_execution", "parent_id", "executions_execution"),
        TenantForeignKey("executions_step", "execution_id", "executions_execution"),
        TenantForeignKey("executions_approval", "execution_id", "executions_execution"),
        # Room on each page for HOT updates: a run row is updated with every step and heartbeat.
        migrations.RunSQL(
            "ALTER TABLE executions_execution SET (fillfactor = 70); ALTER TABLE executions_tenantslots SET (fillfactor = 50);",
            "ALTER TABLE executions_execution RESET (fillfactor); ALTER TABLE executions_tenantslots RESET (fillfactor);",
        ),
        SqlFile(
            "executions/sql/engine_v1.sql",
            reverse="DROP FUNCTION reap_v1(interval, integer); DROP FUNCTION heartbeat_v1(text, interval, jsonb);"
            " DROP FUNCTION finish_v1(uuid, uuid, bigint, jsonb); DROP FUNCTION record_v1(uuid, uuid, bigint, jsonb);"
            " DROP FUNCTION claim_v1(text, interval); DROP FUNCTION claimable_v1(uuid);",
        ),
        DefinerFunction(
            "claim_v1(text, interval)", "heartbeat_v1(text, interval, jsonb)", "reap_v1(interval, integer)"
        ),
    ]
