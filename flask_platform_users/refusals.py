"""What was ordered and not done, in the history, and never so much of it that it fills that."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from .audit import Chain, Entry
from .directory import Directory
from .errors import NotFoundError
from .i18n import kept
from .orders import Order
from .results import UserDetails
from .transaction import begin

log = logging.getLogger(__name__)

KEPT_A_MINUTE = 20
KEPT_A_DAY = 200
"""How many refusals of one person the history takes within a minute, and within a day."""


@dataclass(frozen=True)
class Refusals:
    """Those of one person on one platform.

    Attributes:
        person: returns their id and name; it asks the host's policy, which may fail.
    """

    directory: Directory
    chain: Chain
    session: Any
    person: Callable[[], tuple[str | None, str]]

    def record(self, order: Order, outcome: str, sentence: str) -> None:
        """Record, in a transaction of its own, that something was not done.

        Where that fails it is logged, so that the person is still told why it was not done.

        Args:
            order: what was asked for.
            outcome: ``REFUSED`` or ``FAILED``.
            sentence: why.
        """
        try:
            begin(self.chain)
            now = self.directory.now()
            actor_id, actor_name = self.person()
            if not self._are_enough(actor_id, now):
                user = self._meant(order)
                entry = Entry(
                    action=order.action.name,
                    outcome=outcome,
                    actor=actor_id,
                    actor_name=actor_name,
                    user_key=None if user is None else user.key,
                    user_name="" if user is None else user.name,
                    reason=kept(sentence),
                    address=order.address,
                )
                self.chain.append(entry, now)
                self.session.commit()
        except Exception:
            log.exception("What was not done could not be recorded")
        finally:
            self.session.rollback()

    def _meant(self, order: Order) -> UserDetails | None:
        with contextlib.suppress(NotFoundError):
            return self.directory.among(order.action.among).user(order.key)
        return None

    def _are_enough(self, actor_id: str | None, now: datetime) -> bool:
        """Say whether this person was refused so often lately that no more of it is kept.

        It looks at the platform's last entries only, so that it costs the same always.
        """
        event = self.directory.mapping.tables.event.c
        seq, _ = self.chain.head()
        lately = sa.case((event.at > now - timedelta(minutes=1), 1))
        statement = sa.select(sa.func.count(lately), sa.func.count()).where(
            event.platform_key == self.directory.platform,
            event.seq > seq - 10 * KEPT_A_DAY,
            event.actor == actor_id,
            event.outcome != "done",
            event.at > now - timedelta(days=1),
        )
        minute, day = self.session.execute(
            statement, bind_arguments=self.directory.mapping.bind
        ).one()
        return bool(minute >= KEPT_A_MINUTE or day >= KEPT_A_DAY)
