"""Mails about approvals: which are still to be told."""

import django.db.models.functions.datetime
from django.db import migrations, models

from teams.rls import DefinerFunction, SqlFile


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0010_life'),
        ('teams', '0005_membership_notify_approvals'),
    ]

    operations = [
        migrations.AddField(
            model_name='approval',
            name='notify_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when people are to be told by mail; none: they were', null=True),
        ),
        migrations.AddIndex(
            model_name='approval',
            index=models.Index(condition=models.Q(('decision', '')), fields=['notify_at'], name='approval_untold'),
        ),
        SqlFile(
            "executions/sql/notices_v1.sql", reverse="DROP FUNCTION claim_notices_v1(integer, interval);"
        ),
        DefinerFunction("claim_notices_v1(integer, interval)"),
    ]
