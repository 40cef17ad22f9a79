"""Limits of a tenant, what it uses in a day, and the functions that hold runs to their budgets."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import simple_history.models
import uuid
from django.conf import settings
from django.db import migrations, models

from teams.rls import AppendOnly, IsolateTenants, SqlFile


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0007_metrics'),
        ('teams', '0003_pending_proposal'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalTenantLimits',
            fields=[
                ('actor', models.CharField(default='system:unknown', max_length=200)),
                ('id', models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ('tokens_per_day', models.BigIntegerField(blank=True, null=True)),
                ('usd_per_day', models.DecimalField(blank=True, decimal_places=8, max_digits=18, null=True)),
                ('runs_per_day', models.PositiveIntegerField(blank=True, null=True)),
                ('most_tokens_per_day', models.BigIntegerField(blank=True, help_text='ceiling set by the platform', null=True)),
                ('most_usd_per_day', models.DecimalField(blank=True, decimal_places=8, help_text='ceiling set by the platform', max_digits=18, null=True)),
                ('most_runs_per_day', models.PositiveIntegerField(blank=True, help_text='ceiling set by the platform', null=True)),
                ('most_concurrent_runs', models.PositiveIntegerField(blank=True, help_text='ceiling set by the platform', null=True)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical tenant limits',
                'verbose_name_plural': 'historical tenant limits',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='TenantDay',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('tokens_used', models.BigIntegerField(default=0)),
                ('tokens_reserved', models.BigIntegerField(default=0)),
                ('usd_used', models.DecimalField(decimal_places=8, default=0, max_digits=18)),
                ('usd_reserved', models.DecimalField(decimal_places=8, default=0, max_digits=18)),
                ('runs', models.IntegerField(default=0)),
            ],
            options={
                'ordering': ['-day'],
                'abstract': False,
                'base_manager_name': 'across_tenants',
            },
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('across_tenants', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='TenantLimits',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('tokens_per_day', models.BigIntegerField(blank=True, null=True)),
                ('usd_per_day', models.DecimalField(blank=True, decimal_places=8, max_digits=18, null=True)),
                ('runs_per_day', models.PositiveIntegerField(blank=True, null=True)),
                ('most_tokens_per_day', models.BigIntegerField(blank=True, help_text='ceiling set by the platform', null=True)),
                ('most_usd_per_day', models.DecimalField(blank=True, decimal_places=8, help_text='ceiling set by the platform', max_digits=18, null=True)),
                ('most_runs_per_day', models.PositiveIntegerField(blank=True, help_text='ceiling set by the platform', null=True)),
                ('most_concurrent_runs', models.PositiveIntegerField(blank=True, help_text='ceiling set by the platform', null=True)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name_plural': 'tenant limits',
                'abstract': False,
                'base_manager_name': 'across_tenants',
            },
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('across_tenants', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddIndex(
            model_name='step',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='step_time'),
        ),
        migrations.AddField(
            model_name='historicaltenantlimits',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicaltenantlimits',
            name='tenant',
            field=models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='teams.tenant'),
        ),
        migrations.AddField(
            model_name='tenantday',
            name='tenant',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant'),
        ),
        migrations.AddField(
            model_name='tenantlimits',
            name='tenant',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant'),
        ),
        migrations.AddConstraint(
            model_name='tenantday',
            constraint=models.UniqueConstraint(fields=('tenant', 'day'), name='tenant_day_once'),
        ),
        migrations.AddConstraint(
            model_name='tenantlimits',
            constraint=models.UniqueConstraint(fields=('tenant',), name='limits_once'),
        ),
        IsolateTenants("executions_tenantlimits", "executions_historicaltenantlimits", "executions_tenantday"),
        AppendOnly("executions_historicaltenantlimits"),
        migrations.RunSQL(
            "ALTER TABLE executions_tenantday SET (fillfactor = 50);", "ALTER TABLE executions_tenantday RESET (fillfactor);"
        ),
        SqlFile(
            "executions/sql/budget_v1.sql",
            reverse="DROP FUNCTION admit_run_v1(uuid);"
            " DROP FUNCTION settle_day_v1(uuid, date, bigint, numeric, bigint, numeric);"
            " DROP FUNCTION reserve_day_v1(uuid, bigint, numeric); DROP FUNCTION spent_v1(uuid, uuid);",
        ),
    ]
