"""Unmanaged models of the bench's tables."""

from django.db import models


class User(models.Model):  # type: ignore[misc]
    """A platform user."""

    id = models.BigAutoField(primary_key=True)
    platform_id = models.IntegerField()
    username = models.CharField(max_length=80)
    email = models.CharField(max_length=255)
    phone = models.CharField(max_length=32, null=True)
    role = models.CharField(max_length=20)
    status = models.CharField(max_length=20)
    created_at = models.DateTimeField()
    last_login_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "users"


class Channel(models.Model):  # type: ignore[misc]
    """A connected channel."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="channels")
    platform_id = models.IntegerField()
    kind = models.CharField(max_length=20)

    class Meta:
        managed = False
        db_table = "channels"
