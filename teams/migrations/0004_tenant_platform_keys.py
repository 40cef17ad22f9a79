"""A tenant may forbid that its models are called with the platform's keys."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('teams', '0003_pending_proposal'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='platform_keys',
            field=models.CharField(choices=[('allowed', 'Allowed: where the tenant has no account of its own'), ('forbidden', "Forbidden: the tenant's own accounts alone")], default='allowed', help_text="whether teams may be run with the platform's keys where the tenant has no account of its own", max_length=10),
        ),
    ]
