"""Schedules: runs that start by the clock."""

import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import simple_history.models
import uuid
from django.conf import settings
from django.db import migrations, models

from teams.rls import AppendOnly, DefinerFunction, IsolateTenants, SqlFile, TenantForeignKey


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0005_waiting_for_people'),
        ('teams', '0003_pending_proposal'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalSchedule',
            fields=[
                ('actor', models.CharField(default='system:unknown', max_length=200)),
                ('id', models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ('name', models.CharField(help_text='what it is for', max_length=200)),
                ('cron', models.CharField(help_text='minute, hour, day of month, month, day of week; 0 9 * * MON-FRI: weekdays at nine', max_length=100)),
                ('time_zone', models.CharField(default='UTC', help_text='IANA name, such as Europe/Berlin', max_length=64)),
                ('overlap', models.CharField(choices=[('allow', 'Allow: both run'), ('skip', 'Skip: this slot is left out'), ('cancel_old', 'Cancel old: the earlier run is cancelled')], default='skip', help_text='when the run of an earlier slot has not ended', max_length=10)),
                ('input', models.JSONField(blank=True, help_text="text or object that follows the team's goal", null=True)),
                ('enabled', models.BooleanField(default=True, help_text='off: paused')),
                ('created_by', models.CharField(editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='teams.team')),
                ('tenant', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='teams.tenant')),
            ],
            options={
                'verbose_name': 'historical schedule',
                'verbose_name_plural': 'historical schedules',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='what it is for', max_length=200)),
                ('cron', models.CharField(help_text='minute, hour, day of month, month, day of week; 0 9 * * MON-FRI: weekdays at nine', max_length=100)),
                ('time_zone', models.CharField(default='UTC', help_text='IANA name, such as Europe/Berlin', max_length=64)),
                ('overlap', models.CharField(choices=[('allow', 'Allow: both run'), ('skip', 'Skip: this slot is left out'), ('cancel_old', 'Cancel old: the earlier run is cancelled')], default='skip', help_text='when the run of an earlier slot has not ended', max_length=10)),
                ('input', models.JSONField(blank=True, help_text="text or object that follows the team's goal", null=True)),
                ('enabled', models.BooleanField(default=True, help_text='off: paused')),
                ('next_at', models.DateTimeField(editable=False, help_text='the next slot; none while paused', null=True)),
                ('last_slot', models.DateTimeField(editable=False, help_text='the latest slot that was dealt with', null=True)),
                ('last_at', models.DateTimeField(editable=False, help_text='when that was', null=True)),
                ('last_outcome', models.CharField(blank=True, choices=[('started', 'Started'), ('skipped', 'Skipped'), ('failed', 'Failed')], editable=False, max_length=10)),
                ('last_error', models.TextField(blank=True, editable=False, help_text='why the latest slot started no run')),
                ('last_execution_id', models.UUIDField(editable=False, help_text='the run started last', null=True)),
                ('created_by', models.CharField(editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('team', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.team')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant')),
            ],
            options={
                'ordering': ['name'],
                'abstract': False,
                'base_manager_name': 'across_tenants',
                'indexes': [models.Index(condition=models.Q(('enabled', True)), fields=['next_at'], name='schedule_due'), models.Index(fields=['tenant', '-created_at', 'id'], name='schedule_tenant')],
            },
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('across_tenants', django.db.models.manager.Manager()),
            ],
        ),
        IsolateTenants("executions_historicalschedule", "executions_schedule"),
        AppendOnly("executions_historicalschedule"),
        TenantForeignKey("executions_schedule", "team_id", "teams_team"),
        SqlFile("executions/sql/schedules_v1.sql", reverse="DROP FUNCTION due_schedules_v1(integer);"),
        DefinerFunction("due_schedules_v1(integer)"),
    ]
