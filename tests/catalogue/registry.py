"""The cases by number, and for which of them there is which test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .stage import Stage

Play = Callable[[Stage], None]

HOSTS = ("a-enum", "c-membership", "e-token", "g-security")
"""The hosts that the cases are played on: their users sign in by Flask-Login."""


@dataclass(frozen=True)
class Case:
    """A test of one case of the catalogue; its name is a sentence.

    Attributes:
        id: the case's number.
        play: does what must not succeed, and checks that it did not.
        hosts: where it can be played.
        swapped: whether it is fair to try a swap of sessions with it: not where it is about what
            only the real thing has.
    """

    id: str
    play: Play
    hosts: tuple[str, ...]
    swapped: bool

    @property
    def sentence(self) -> str:
        """What the test says."""
        return self.play.__name__.replace("_", " ")


CASES: list[Case] = []


def case(
    number: str, *, hosts: tuple[str, ...] = HOSTS, swapped: bool = True
) -> Callable[[Play], Play]:
    """Register a function as the test of a case."""

    def register(play: Play) -> Play:
        CASES.append(Case(number, play, hosts, swapped and "a-enum" in hosts))
        return play

    return register


def tests_of(number: str) -> Iterator[Case]:
    """Return the tests of a case."""
    return (found for found in CASES if found.id == number)
