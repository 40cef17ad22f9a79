"""Row level security, key look-ups before a scope, append-only audit and history, one row a version."""

from django.db import migrations

from teams.rls import SCOPE_FUNCTION, AppendOnly, DefinerFunction, IsolateTenants, SqlFile


class Migration(migrations.Migration):
    dependencies = [("teams", "0001_initial")]

    operations = [
        migrations.RunSQL(SCOPE_FUNCTION, "DROP FUNCTION scope_tenant();"),
        IsolateTenants(
            "teams_membership",
            "teams_historicalmembership",
            "teams_apikey",
            "teams_team",
            "teams_historicalteam",
            "teams_auditentry",
            "teams_auditseal",
        ),
        AppendOnly("teams_auditentry"),
        AppendOnly("teams_auditseal"),
        AppendOnly("teams_historicalteam"),
        AppendOnly("teams_historicalmembership"),
        migrations.RunSQL(
            "CREATE UNIQUE INDEX team_version_once ON teams_historicalteam (tenant_id, id, version) WHERE makes_version;",
            "DROP INDEX team_version_once;",
        ),
        SqlFile(
            "teams/sql/lookups.sql",
            reverse="DROP FUNCTION api_key_lookup_v1(text); DROP FUNCTION memberships_of_v1(integer);",
        ),
        DefinerFunction("api_key_lookup_v1(text)", "memberships_of_v1(integer)"),
    ]
