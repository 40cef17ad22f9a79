"""Claims of several runs at once."""

from django.db import migrations

from teams.rls import DefinerFunction, SqlFile


class Migration(migrations.Migration):
    dependencies = [("executions", "0002_engine")]

    operations = [
        SqlFile(
            "executions/sql/engine_v2.sql",
            reverse="DROP FUNCTION claim_v2(text, interval, integer); DROP FUNCTION fairest_v2(boolean);",
        ),
        DefinerFunction("claim_v2(text, interval, integer)"),
    ]
