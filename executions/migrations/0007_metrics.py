"""How many runs are open, for /metrics."""

from django.db import migrations

from teams.rls import DefinerFunction, SqlFile


class Migration(migrations.Migration):
    dependencies = [("executions", "0006_schedules")]

    operations = [
        SqlFile("executions/sql/metrics_v1.sql", reverse="DROP FUNCTION metrics_v1(boolean);"),
        DefinerFunction("metrics_v1(boolean)"),
    ]
