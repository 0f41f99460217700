"""The admin of the users of one platform."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from bench.contestant import PER_PAGE
from bench.schema import KINDS, PLATFORM_ID

from .models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[misc]
    """The users of the owner's platform."""

    list_display = (
        "username",
        "email",
        "phone",
        "role",
        "status",
        "created_at",
        "last_login_at",
        *KINDS,
    )
    list_per_page = PER_PAGE
    ordering = ("-created_at", "-id")
    search_fields = ("username", "email")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the users of the platform, and their channels."""
        users = super().get_queryset(request).filter(platform_id=PLATFORM_ID)
        return users.prefetch_related("channels")

    def whatsapp(self, user: User) -> int:
        """Count the user's WhatsApp channels."""
        return _count(user, "whatsapp")

    def webchat(self, user: User) -> int:
        """Count the user's Webchat channels."""
        return _count(user, "webchat")

    def instagram(self, user: User) -> int:
        """Count the user's Instagram channels."""
        return _count(user, "instagram")


def _count(user: User, kind: str) -> int:
    return sum(channel.kind == kind for channel in user.channels.all())
