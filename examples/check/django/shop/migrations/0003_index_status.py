from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0002_status_required")]

    operations = [
        AddIndexConcurrently(
            model_name="order", index=models.Index(fields=["-status"], name="order_status")
        ),
        migrations.RunSQL("ANALYZE shop_order", migrations.RunSQL.noop),
    ]
