"""Take back what was done, as long as nothing else has touched the user since."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import sqlalchemy as sa

from ..i18n import _, again, english, joined, lazy
from ..results import facts
from .action import Action, Unit


class Undo(Action):
    """Take back one entry of the history, or those of a job. It is an entry itself.

    Args:
        original: the action whose entry it is.
        seq: the number of the entry.
        job: the id of the job, where it is about all of its users.
    """

    name: ClassVar[str] = "undo"
    label: ClassVar[str] = lazy("Undo")
    icon: ClassVar[str] = "restore"
    by_system: ClassVar[bool] = True
    for_many: ClassVar[bool] = True
    same_form: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} took back what was done to {user}.")

    def __init__(
        self, original: Action | None = None, *, seq: int | None = None, job: str | None = None
    ) -> None:
        self.original = original or self
        self.seq = seq
        self.job = job
        if original is not None:
            self.among = original.leaves  # type: ignore[misc]

    @property
    def permission(self) -> str:
        """Whoever may do it may take it back."""
        return self.original.name

    def refusal(self, unit: Unit) -> str | None:
        """Say what changed in between."""
        entry = self._entry(unit)
        if entry is None:
            return _("This cannot be taken back any more.")
        event = unit.mapping.tables.event.c
        later = unit.session.execute(
            sa.select(event.action, event.changes)
            .where(
                event.platform_key == unit.directory.platform,
                event.user_key == unit.user.key,
                event.seq > entry.seq,
                event.outcome == "done",
                event.changes != "{}",
            )
            .order_by(event.seq.desc())
            .limit(1),
            bind_arguments=unit.mapping.bind,
        ).first()
        if later is not None:
            told = joined(
                "; ",
                (
                    _(
                        "%(fact)s from “%(was)s” to “%(now)s”",
                        fact=again(name),
                        was=again(was or "none"),
                        now=again(now or "none"),
                    )
                    for name, (was, now) in json.loads(later.changes).items()
                ),
            )
            return _(
                "%(user)s was changed since then: %(changes)s.",
                user=unit.user.name,
                changes=told,
            )
        with english():
            present = facts(unit.user) | dict(self.original.facts(unit))
        for name, (_before, after) in json.loads(entry.changes).items():
            if name in present and present[name] != after:
                return _(
                    "%(user)s was changed since then: %(fact)s was “%(was)s” and is “%(now)s” now.",
                    user=unit.user.name,
                    fact=again(name),
                    was=again(after or "none"),
                    now=again(present[name] or "none"),
                )
        return None

    def facts(self, unit: Unit) -> Mapping[str, str]:
        """Tell what the original tells."""
        return {} if self.original is self else self.original.facts(unit)

    def perform(self, unit: Unit) -> bool | None:
        """Let the original take it back."""
        entry = self._entry(unit)
        return False if entry is None else self.original.reverse(unit, json.loads(entry.data))

    def _entry(self, unit: Unit) -> Any:
        tables = unit.mapping.tables
        event, undo = tables.event.c, tables.undo.c
        which = (
            event.request_id.startswith(f"{self.job}.", autoescape=True)
            if self.job is not None
            else event.seq == self.seq
        )
        statement = (
            sa.select(event.seq, event.changes, undo.data)
            .select_from(tables.event)
            .join(
                tables.undo,
                (undo.platform_key == event.platform_key) & (undo.seq == event.seq),
            )
            .where(
                event.platform_key == unit.directory.platform,
                event.user_key == unit.user.key,
                event.action == self.original.name,
                which,
            )
        )
        return unit.session.execute(statement, bind_arguments=unit.mapping.bind).first()
