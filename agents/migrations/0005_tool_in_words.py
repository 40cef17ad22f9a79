"""What people read: members, tools, limits and slots, without the name of the tenant in front."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0004_accounts'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='historicaltenanttool',
            options={'get_latest_by': ('history_date', 'history_id'), 'ordering': ('-history_date', '-history_id'), 'verbose_name': 'historical tool', 'verbose_name_plural': 'historical tools'},
        ),
        migrations.AlterModelOptions(
            name='tenanttool',
            options={'base_manager_name': 'across_tenants', 'ordering': ['name'], 'verbose_name': 'tool'},
        ),
    ]
