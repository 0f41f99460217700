"""The form of an action for many users: ``many.html``."""

from dataclasses import dataclass
from typing import Any

from ..actions import Action
from ..job_records import Job
from ..results import UserDetails
from .action import Foreseen


@dataclass(frozen=True, kw_only=True)
class ManyPage:
    """The form of an action for many users.

    Attributes:
        each: whether those who cannot be done are left out; otherwise nobody is done.
        form: the action's, as the first user that it can be asked for has it.
        user: that user.
        foreseen: what they will read once it is done; None where they stay signed in.
        error: why it was not tried when it was sent.
        may_be_together: whether they are few enough to be done all or none.
    """

    action: Action
    job: Job
    form: Any
    user: UserDetails
    foreseen: Foreseen | None
    error: str | None
    may_be_together: bool
    each: bool
    csrf_token: str
