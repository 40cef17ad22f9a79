"""What people read: members, tools, limits and slots, without the name of the tenant in front."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0016_lists'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='historicaltenantlimits',
            options={'get_latest_by': ('history_date', 'history_id'), 'ordering': ('-history_date', '-history_id'), 'verbose_name': 'historical limits', 'verbose_name_plural': 'historical limits'},
        ),
        migrations.AlterModelOptions(
            name='tenantlimits',
            options={'base_manager_name': 'across_tenants', 'verbose_name': 'limits', 'verbose_name_plural': 'limits'},
        ),
        migrations.AlterModelOptions(
            name='tenantslots',
            options={'base_manager_name': 'across_tenants', 'verbose_name': 'slots', 'verbose_name_plural': 'slots'},
        ),
    ]
