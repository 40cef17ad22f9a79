"""Provider accounts and tool credentials, behind row level security like every tenant table."""

import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import simple_history.models
import teams.secrets
from teams.rls import AppendOnly, IsolateTenants
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0003_tool_settings'),
        ('teams', '0004_tenant_platform_keys'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalProviderAccount',
            fields=[
                ('actor', models.CharField(default='system:unknown', max_length=200)),
                ('id', models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ('provider', models.CharField(help_text='name of the provider, e.g. openai', max_length=64)),
                ('base_url', models.CharField(blank=True, help_text="the tenant's own address, where the provider allows one; blank: its usual", max_length=500)),
                ('enabled', models.BooleanField(default=True, help_text='off: as if it were not there')),
                ('note', models.CharField(blank=True, help_text='whose account it is, for people', max_length=200)),
                ('revision', models.PositiveIntegerField(default=1, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='teams.tenant')),
            ],
            options={
                'verbose_name': 'historical provider account',
                'verbose_name_plural': 'historical provider accounts',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalToolCredential',
            fields=[
                ('actor', models.CharField(default='system:unknown', max_length=200)),
                ('id', models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ('name', models.CharField(help_text='what it opens, e.g. issue tracker', max_length=100)),
                ('tool', models.CharField(help_text='name of the tool that sends it', max_length=100)),
                ('header', models.CharField(default='Authorization', help_text='name of the header it is sent in', max_length=100)),
                ('scheme', models.CharField(blank=True, help_text='word before the value, e.g. Bearer; blank: none', max_length=40)),
                ('hosts', models.JSONField(default=list, help_text='host or host:port, the only places it may be sent to')),
                ('enabled', models.BooleanField(default=True, help_text='off: as if it were not there')),
                ('note', models.CharField(blank=True, max_length=200)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='teams.tenant')),
            ],
            options={
                'verbose_name': 'historical tool credential',
                'verbose_name_plural': 'historical tool credentials',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='ProviderAccount',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('provider', models.CharField(help_text='name of the provider, e.g. openai', max_length=64)),
                ('api_key', teams.secrets.SealedField(editable=False)),
                ('ends_with', models.CharField(blank=True, editable=False, max_length=4)),
                ('base_url', models.CharField(blank=True, help_text="the tenant's own address, where the provider allows one; blank: its usual", max_length=500)),
                ('enabled', models.BooleanField(default=True, help_text='off: as if it were not there')),
                ('note', models.CharField(blank=True, help_text='whose account it is, for people', max_length=200)),
                ('revision', models.PositiveIntegerField(default=1, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant')),
            ],
            options={
                'ordering': ['provider'],
                'abstract': False,
                'base_manager_name': 'across_tenants',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'provider'), name='provider_account_once')],
            },
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('across_tenants', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='ToolCredential',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='what it opens, e.g. issue tracker', max_length=100)),
                ('tool', models.CharField(help_text='name of the tool that sends it', max_length=100)),
                ('header', models.CharField(default='Authorization', help_text='name of the header it is sent in', max_length=100)),
                ('scheme', models.CharField(blank=True, help_text='word before the value, e.g. Bearer; blank: none', max_length=40)),
                ('value', teams.secrets.SealedField(editable=False)),
                ('ends_with', models.CharField(blank=True, editable=False, max_length=4)),
                ('hosts', models.JSONField(default=list, help_text='host or host:port, the only places it may be sent to')),
                ('enabled', models.BooleanField(default=True, help_text='off: as if it were not there')),
                ('note', models.CharField(blank=True, max_length=200)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant')),
            ],
            options={
                'ordering': ['name'],
                'abstract': False,
                'base_manager_name': 'across_tenants',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='tool_credential_once')],
            },
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('across_tenants', django.db.models.manager.Manager()),
            ],
        ),
        IsolateTenants(
            "agents_provideraccount",
            "agents_historicalprovideraccount",
            "agents_toolcredential",
            "agents_historicaltoolcredential",
        ),
        AppendOnly("agents_historicalprovideraccount"),
        AppendOnly("agents_historicaltoolcredential"),
    ]
