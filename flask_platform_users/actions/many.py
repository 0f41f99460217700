"""What the history calls a job."""

from typing import ClassVar

from ..i18n import lazy
from .action import Action


class Many(Action):
    """The end of a job: one entry beside those of its users."""

    name: ClassVar[str] = "many"
    label: ClassVar[str] = lazy("Many users at once")
    icon: ClassVar[str] = "total"
    by_system: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} did the same to many users.")
