"""What operators see of the queue."""

from django.db import migrations

from teams.rls import DefinerFunction, SqlFile


class Migration(migrations.Migration):
    dependencies = [("executions", "0009_webhooks")]

    operations = [
        SqlFile("executions/sql/life_v1.sql", reverse="DROP FUNCTION queue_v1(interval);"),
        DefinerFunction("queue_v1(interval)"),
    ]
