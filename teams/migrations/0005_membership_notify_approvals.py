"""Mails about approvals, for members who ask for them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('teams', '0004_tenant_platform_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalmembership',
            name='notify_approvals',
            field=models.BooleanField(db_default=False, default=False, help_text='an e-mail when a run waits for a decision; operators and admins only', verbose_name='mail about approvals'),
        ),
        migrations.AddField(
            model_name='membership',
            name='notify_approvals',
            field=models.BooleanField(db_default=False, default=False, help_text='an e-mail when a run waits for a decision; operators and admins only', verbose_name='mail about approvals'),
        ),
    ]
