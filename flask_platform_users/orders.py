"""What somebody wants done, and what becomes of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .actions.action import Action, Impact, Unit
from .gate import Standing
from .results import UserDetails


@dataclass(frozen=True, kw_only=True)
class Order:
    """What somebody wants done to one user.

    Attributes:
        action: the action.
        key: the text of the user's key.
        data: the form as it was sent.
        seen: what the person saw of the user when the form was opened; None leaves that unchecked.
        request_id: the same for a request that is sent twice, such as ``request_id`` makes it.
        address: where the request came from.
        many: to how many users it is done together.
        once: whether nothing else may be asked for by the first half of ``request_id``.
    """

    action: Action
    key: str
    data: Any = None
    seen: Mapping[str, str] | None = None
    request_id: str | None = None
    address: str = ""
    many: int = 1
    once: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of an order.

    Attributes:
        outcome: done now, done before by the same request, or nothing to do.
        seq: the number of the event; None where nothing was to do.
        user: the user as they are now, deleted or not; None where they are gone.
        unit: what the action worked with; None where it was not done now.
    """

    outcome: Literal["done", "repeated", "unchanged"]
    seq: int | None
    user: UserDetails | None
    unit: Unit | None = None


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a form shows before anything is done.

    Attributes:
        valid: whether the form could be done as it is filled in.
        stands: how the user will stand at the gate then; None where that stays.
    """

    user: UserDetails
    form: Any
    valid: bool
    question: str
    impact: Sequence[Impact]
    seen: dict[str, str]
    stands: Standing | None = None


def request_id(nonce: str, actor_id: str | None, asked: Any) -> str:
    """Return the id of a request: by half what the person calls it, by half what it asks for."""
    halves = ([nonce, actor_id], asked)
    return "".join(hashlib.sha256(json.dumps(h).encode()).hexdigest()[:32] for h in halves)
