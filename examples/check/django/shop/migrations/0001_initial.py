from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("customer", models.CharField(max_length=100)),
                ("status", models.CharField(max_length=20, null=True)),
                (
                    "clerk",
                    models.ForeignKey(on_delete=models.PROTECT, to=settings.AUTH_USER_MODEL),
                ),
            ],
        ),
    ]
