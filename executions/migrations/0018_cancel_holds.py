"""A cancel holds whatever becomes of the run meanwhile, a locked row holds up the heartbeat of its run alone, and lost
workers count against a run since its last recorded answer."""

from django.db import migrations

from teams.rls import DefinerFunction, SqlFile


class Migration(migrations.Migration):

    dependencies = [("executions", "0017_limits_in_words")]

    operations = [
        SqlFile(
            "executions/sql/engine_v5.sql",
            reverse="DROP FUNCTION heartbeat_v2(text, interval, jsonb);"
            " DROP FUNCTION reap_v3(interval, integer, interval); DROP FUNCTION finish_v4(uuid, uuid, bigint, jsonb);",
        ),
        DefinerFunction("heartbeat_v2(text, interval, jsonb)", "reap_v3(interval, integer, interval)"),
    ]
