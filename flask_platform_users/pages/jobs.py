"""One job, and the latest of them: ``job.html``, ``jobs.html``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..actions import Action, Impact
from ..i18n import again
from ..job_records import OPEN, WORKING, Job
from ..wording import JOB_STATES


@dataclass(frozen=True, kw_only=True)
class JobPage:
    """A job: what it would do, how far it is, or what it did.

    Attributes:
        action: None if the mount has it no more.
        mine: whether whoever looks ordered it.
        outcomes: how many would change, or changed; are so already; and are left out.
        reasons: why users are left out, the commonest first, each with their number.
    """

    job: Job
    action: Action | None
    mine: bool
    outcomes: Mapping[str, int]
    reasons: Sequence[tuple[str, int]]
    csrf_token: str

    states = JOB_STATES

    @property
    def label(self) -> str:
        """What was ordered."""
        return self.action.label if self.action else self.job.action

    @property
    def impact(self) -> list[Impact]:
        """What it means, summed over all who change."""
        return [replace(line, what=again(line.what)) for line in self.job.impact]

    @property
    def undo(self) -> int | None:
        """The number of the entry that can be taken back; None if there is nothing to."""
        changed = self.job.over and self.outcomes["done"]
        reversible = self.action is not None and self.action.reversible
        return self.job.seq if self.mine and changed and reversible else None

    @property
    def tried(self) -> bool:
        """Whether nothing was done yet, so that it tells what would become of the users."""
        return self.job.state in OPEN

    @property
    def waits(self) -> bool:
        """Whether it changes by itself."""
        return self.job.state == "checking" or self.job.state in WORKING

    @property
    def come_to(self) -> int:
        """How many users it has come to so far."""
        return sum(self.outcomes.values())

    @property
    def all_or_nothing(self) -> bool:
        """Whether nobody can be done, because somebody cannot and all were to be together."""
        return self.job.state == "ready" and self.job.together and self.outcomes["left"] > 0

    @property
    def others(self) -> int:
        """How many users are left out for reasons that are not among those told."""
        return self.outcomes["left"] - sum(number for _, number in self.reasons)


@dataclass(frozen=True, kw_only=True)
class JobsPage:
    """The latest jobs of the platform."""

    jobs: Sequence[Job]
    actions: Mapping[str, Action]

    states = JOB_STATES
