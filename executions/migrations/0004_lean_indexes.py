"""No index of a foreign key beside one that begins with its column; a step's tenant is held by its run's."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0003_claim_many'),
        ('teams', '0003_pending_proposal'),
    ]

    operations = [
        migrations.AlterField(
            model_name='execution',
            name='team',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.team'),
        ),
        migrations.AlterField(
            model_name='execution',
            name='tenant',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant'),
        ),
        migrations.AlterField(
            model_name='step',
            name='execution',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='executions.execution'),
        ),
        migrations.AlterField(
            model_name='step',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.tenant'),
        ),
    ]
