"""Row level security on the agents' tables."""

from django.db import migrations

from teams.rls import AppendOnly, IsolateTenants


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial"), ("teams", "0002_isolation")]

    operations = [
        IsolateTenants(
            "agents_roletemplate", "agents_historicalroletemplate", "agents_tenanttool", "agents_historicaltenanttool"
        ),
        AppendOnly("agents_historicalroletemplate"),
        AppendOnly("agents_historicaltenanttool"),
    ]
