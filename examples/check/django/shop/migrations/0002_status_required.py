from django.db import migrations, models


def backfill(apps, schema_editor):
    apps.get_model("shop", "Order").objects.filter(status=None).update(status="new")


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]

    operations = [
        migrations.RunPython(backfill, migrations.RunPython.noop),
        migrations.AlterField("order", "status", models.CharField(max_length=20, default="new")),
        migrations.AddField("order", "total", models.DecimalField(max_digits=10, decimal_places=2, default=0)),
        migrations.AddIndex("order", models.Index(fields=["customer"], name="order_customer")),
    ]
