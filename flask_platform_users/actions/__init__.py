"""What an owner can do to a user: one object each, all of them through one pipeline."""

from .action import Action, Impact, Unit
from .status import Block, SetStatus, Unblock

DEFAULT_ACTIONS: tuple[Action, ...] = (SetStatus(), Block(), Unblock())
"""The actions of a mount that names none."""

__all__ = ["DEFAULT_ACTIONS", "Action", "Block", "Impact", "SetStatus", "Unblock", "Unit"]
