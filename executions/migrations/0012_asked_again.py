"""People are told of a question that is asked again."""

from django.db import migrations

from teams.rls import SqlFile


class Migration(migrations.Migration):

    dependencies = [("executions", "0011_notices")]

    operations = [
        SqlFile("executions/sql/engine_v4.sql", reverse="DROP FUNCTION finish_v3(uuid, uuid, bigint, jsonb);"),
    ]
