"""What people read: members, tools, limits and slots, without the name of the tenant in front."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('teams', '0007_audit_actor'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='historicalmembership',
            options={'get_latest_by': ('history_date', 'history_id'), 'ordering': ('-history_date', '-history_id'), 'verbose_name': 'historical member', 'verbose_name_plural': 'historical members'},
        ),
        migrations.AlterModelOptions(
            name='membership',
            options={'base_manager_name': 'across_tenants', 'verbose_name': 'member'},
        ),
    ]
