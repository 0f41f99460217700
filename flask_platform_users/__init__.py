"""The Platform Users page for white-label Flask products."""

from .actions import DEFAULT_ACTIONS, Action, Block, Impact, SetStatus, Unblock, Unit
from .billing import AddOn, Billing, Money, Subscription
from .directory import Directory
from .errors import ConfigurationError
from .extension import PlatformUsers
from .mapping import Count, Many, Status, Users
from .policy import Policy

__all__ = [
    "DEFAULT_ACTIONS",
    "Action",
    "AddOn",
    "Billing",
    "Block",
    "ConfigurationError",
    "Count",
    "Directory",
    "Impact",
    "Many",
    "Money",
    "PlatformUsers",
    "Policy",
    "SetStatus",
    "Status",
    "Subscription",
    "Unblock",
    "Unit",
    "Users",
]
