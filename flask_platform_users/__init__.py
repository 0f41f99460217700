"""The Platform Users page for white-label Flask products."""

from .actions import (
    DEFAULT_ACTIONS,
    Action,
    Block,
    Impact,
    Unit,
    with_defaults,
)
from .billing import AddOn, Billing, ManualBilling, Money, Offer, Subscription
from .cards import Card
from .columns import DEFAULT_COLUMNS, Column
from .directory import Directory
from .errors import ConfigurationError
from .extension import PlatformUsers
from .filters import Filter
from .gate import SignIn
from .impersonation import Impersonation, Receipt
from .mapping import Count, Many, Status, Users
from .model_billing import Booked, Catalogue, Held, ModelBilling
from .panels import Panel
from .policy import Policy
from .saved_views import SavedView

__all__ = [
    "DEFAULT_ACTIONS",
    "DEFAULT_COLUMNS",
    "Action",
    "AddOn",
    "Billing",
    "Block",
    "Booked",
    "Card",
    "Catalogue",
    "Column",
    "ConfigurationError",
    "Count",
    "Directory",
    "Filter",
    "Held",
    "Impact",
    "Impersonation",
    "ManualBilling",
    "Many",
    "ModelBilling",
    "Money",
    "Offer",
    "Panel",
    "PlatformUsers",
    "Policy",
    "Receipt",
    "SavedView",
    "SignIn",
    "Status",
    "Subscription",
    "Unit",
    "Users",
    "with_defaults",
]
