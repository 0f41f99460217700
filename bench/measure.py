"""Time the contestants, taking turns."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .contestant import Case, Contestant, Expected

WARM_UP = 12
"""Requests before measuring: psycopg prepares a statement at its sixth execution, and PostgreSQL
settles on a plan for it five executions later."""


@dataclass(frozen=True)
class Timing:
    """Durations of one kind of request, in seconds, and the statements that one of them took."""

    seconds: Sequence[float]
    statements: int | None = None

    @property
    def median(self) -> float:
        """The median, in milliseconds."""
        return 1000 * statistics.median(self.seconds)

    @property
    def p90(self) -> float:
        """The 90th percentile, in milliseconds."""
        return 1000 * statistics.quantiles(self.seconds, n=10, method="inclusive")[8]


def measure_requests(
    contestants: Sequence[Contestant], expected: Mapping[Case, Expected], *, rounds: int
) -> dict[tuple[str, Case], Timing]:
    """Time whole requests, after checking that each shows the right users."""
    timings = {}
    for case in Case:
        statements = {}
        for contestant in contestants:
            with contestant.statements() as counted:
                expected[case].check(contestant.get(case))
            statements[contestant.name] = counted.number
        runs = {c.name: _request(c, case) for c in contestants}
        for name, seconds in _interleaved(runs, rounds).items():
            timings[name, case] = Timing(seconds, statements[name])
    return timings


def measure_parts(parts: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, Timing]:
    """Time plain functions."""
    return {name: Timing(seconds) for name, seconds in _interleaved(parts, rounds).items()}


def _request(contestant: Contestant, case: Case) -> Callable[[], object]:
    return lambda: contestant.get(case)


def _interleaved(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run all in turn, each round starting with another, so that drift and order are shared."""
    for run in runs.values():
        for _ in range(WARM_UP):
            run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    gc.collect()
    for _ in range(rounds):
        for name in names:
            start = time.perf_counter()
            runs[name]()
            seconds[name].append(time.perf_counter() - start)
        names.append(names.pop(0))
    return seconds
