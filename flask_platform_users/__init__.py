"""The Platform Users page for white-label Flask products."""

from .billing import AddOn, Billing, Money, Subscription
from .directory import Directory
from .errors import ConfigurationError
from .extension import PlatformUsers
from .mapping import Count, Many, Status, Users
from .policy import Policy

__all__ = [
    "AddOn",
    "Billing",
    "ConfigurationError",
    "Count",
    "Directory",
    "Many",
    "Money",
    "PlatformUsers",
    "Policy",
    "Status",
    "Subscription",
    "Users",
]
