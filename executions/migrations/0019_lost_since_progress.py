"""Workers that were lost count against a run only since its last recorded answer."""

from django.db import migrations

from teams.rls import DefinerFunction, SqlFile


class Migration(migrations.Migration):

    dependencies = [("executions", "0018_cancel_holds")]

    operations = [
        SqlFile("executions/sql/engine_v6.sql", reverse="DROP FUNCTION reap_v4(interval, integer, interval);"),
        DefinerFunction("reap_v4(interval, integer, interval)"),
    ]
