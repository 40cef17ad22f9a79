"""Webhooks: who is told of runs, each telling as a row, and the trigger that writes them."""

import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import executions.webhook_models
import simple_history.models
import teams.secrets
import uuid
from django.conf import settings
from django.db import migrations, models

from teams.rls import AppendOnly, DefinerFunction, IsolateTenants, SqlFile, TenantForeignKey


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0008_budgets'),
        ('teams', '0004_tenant_platform_keys'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='execution',
            name='has_webhooks',
            field=models.BooleanField(db_default=False, default=False, help_text='somebody may have to be told of it: the trigger execution_tells looks'),
        ),
        migrations.CreateModel(
            name='HistoricalWebhook',
            fields=[
                ('actor', models.CharField(default='system:unknown', max_length=200)),
                ('id', models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ('name', models.CharField(help_text='what listens there', max_length=200)),
                ('url', models.CharField(help_text='https address that takes a POST', max_length=2000)),
                ('events', models.JSONField(default=executions.webhook_models.every_event, help_text='events it is told of')),
                ('enabled', models.BooleanField(default=True, help_text='off: nothing is sent')),
                ('note', models.TextField(blank=True, editable=False, help_text='why it was switched off')),
                ('created_by', models.CharField(editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(blank=True, db_constraint=False, help_text='only runs of this team; blank: of every team', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='teams.team')),
                ('tenant', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='teams.tenant')),
            ],
            options={
                'verbose_name': 'historical webhook',
                'verbose_name_plural': 'historical webhooks',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='what listens there', max_length=200)),
                ('url', models.CharField(help_text='https address that takes a POST', max_length=2000)),
                ('events', models.JSONField(default=executions.webhook_models.every_event, help_text='events it is told of')),
                ('enabled', models.BooleanField(default=True, help_text='off: nothing is sent')),
                ('secret', teams.secrets.SealedField(editable=False)),
                ('former_secret', teams.secrets.SealedField(editable=False, null=True)),
                ('former_until', models.DateTimeField(editable=False, help_text='the former secret signs until then, too', null=True)),
                ('failures', models.PositiveIntegerField(default=0, editable=False, help_text='tries in a row that failed')),
                ('rest_until', models.DateTimeField(editable=False, help_text='after failures it is left alone until then', null=True)),
                ('note', models.TextField(blank=True, editable=False, help_text='why it was switched off')),
                ('created_by', models.CharField(editable=False, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('execution', models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.execution')),
                ('team', models.ForeignKey(blank=True, db_constraint=False, help_text='only runs of this team; blank: of every team', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.team')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant')),
            ],
            options={
                'ordering': ['name'],
                'abstract': False,
                'base_manager_name': 'across_tenants',
            },
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('across_tenants', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('event', models.CharField(max_length=60)),
                ('payload', models.JSONField(help_text='the body, the same at every try')),
                ('status', models.CharField(choices=[('pending', 'Pending: it is to be sent, or to be tried again'), ('delivered', 'Delivered: the receiver answered with 2xx'), ('failed', 'Failed: given up')], default='pending', max_length=10)),
                ('tries', models.PositiveIntegerField(default=0, help_text='a try counts when it begins')),
                ('next_at', models.DateTimeField(help_text='when it is tried next; one under way: when it counts as lost', null=True)),
                ('answer_status', models.IntegerField(help_text='HTTP status of the latest answer', null=True)),
                ('answer', models.TextField(blank=True, help_text='beginning of the latest answer')),
                ('ms', models.IntegerField(help_text='milliseconds the latest try took', null=True)),
                ('error', models.TextField(blank=True, help_text='what was wrong with the latest try')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tried_at', models.DateTimeField(null=True)),
                ('execution', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.execution')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant')),
                ('webhook', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.webhook')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ['-created_at'],
                'abstract': False,
                'base_manager_name': 'across_tenants',
            },
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('across_tenants', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddIndex(
            model_name='webhook',
            index=models.Index(fields=['tenant', 'execution'], name='webhook_told'),
        ),
        migrations.AddIndex(
            model_name='webhook',
            index=models.Index(fields=['tenant', '-created_at', 'id'], name='webhook_tenant'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['next_at'], name='delivery_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['tenant', '-created_at', 'id'], name='delivery_tenant'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['webhook', '-created_at'], name='delivery_webhook'),
        ),
        IsolateTenants("executions_historicalwebhook", "executions_webhook", "executions_delivery"),
        AppendOnly("executions_historicalwebhook"),
        TenantForeignKey("executions_webhook", "team_id", "teams_team"),
        TenantForeignKey("executions_webhook", "execution_id", "executions_execution"),
        TenantForeignKey("executions_delivery", "webhook_id", "executions_webhook"),
        TenantForeignKey("executions_delivery", "execution_id", "executions_execution"),
        SqlFile(
            "executions/sql/webhooks_v1.sql",
            reverse="DROP FUNCTION claim_deliveries_v1(integer, interval);"
            " DROP TRIGGER execution_tells ON executions_execution; DROP FUNCTION tell_webhooks_v1();",
        ),
        DefinerFunction("claim_deliveries_v1(integer, interval)"),
    ]
