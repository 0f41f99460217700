"""The figures as Markdown."""

from collections.abc import Iterable, Mapping, Sequence

from .contestant import PER_PAGE, Case
from .measure import Timing
from .seed import COMMON, RARE, RARE_MATCHES, SMALL_PLATFORMS, Size

OURS, BARE = "Platform Users", "bare view"
Timings = Mapping[tuple[str, Case], Timing]


def introduction(machine: Iterable[str], size: Size, channels: int, rounds: int) -> str:
    """Say what was measured, where and how."""
    return "\n".join(
        (
            "# The page beside others",
            "",
            f"One platform of {size.big:,} users and {channels:,} channels, beside "
            f"{SMALL_PLATFORMS} of {size.small:,} users each, on the same tables and indexes. "
            f"Every contestant shows {PER_PAGE} users of the big platform, newest first, with "
            "their channels by kind, to a signed-in owner, and was checked to show the right ones. "
            "Whole requests in process, from the WSGI call to the last byte: "
            f"{rounds} of each, taking turns, after a warm-up. `python -m bench` repeats this.",
            "",
            *(f"- {line}" for line in machine),
        )
    )


def requests(timings: Timings, names: Sequence[str], pages_deep: int, matches: int) -> str:
    """Show how long requests took, and how many statements they made."""
    cases = {
        Case.FIRST: "first page",
        Case.DEEP: f"{pages_deep:,} pages deep",
        Case.COMMON: f"search “{COMMON}” ({matches:,} matches)",
        Case.RARE: f"search “{RARE}” ({RARE_MATCHES} matches)",
    }
    head = ["", *cases.values()]
    times = [
        [name, *(f"{(t := timings[name, case]).median:.1f} ({t.p90:.1f})" for case in cases)]
        for name in names
    ]
    statements = [
        [name, *(str(timings[name, case].statements) for case in cases)] for name in names
    ]
    ratios = [
        [f"{name} ÷ {other}", *(_ratio(timings[name, c], timings[other, c]) for c in cases)]
        for other in (OURS, BARE)
        for name in names
        if other in names and name not in (other, BARE)
    ]
    return "\n\n".join(
        (
            "## Milliseconds per request: median (90th percentile)",
            table(head, times),
            "## How many times as long",
            table(head, ratios),
            "## SQL statements per request, the signed-in person's lookup included",
            table(head, statements),
        )
    )


def parts(timings: Mapping[str, Timing]) -> str:
    """Show what the parts of our page cost."""
    rows = [[name, f"{t.median:.1f} ({t.p90:.1f})"] for name, t in timings.items()]
    return f"## The parts of {OURS}\n\n" + table(["", "ms"], rows)


def _ratio(one: Timing, other: Timing) -> str:
    found = one.median / other.median
    return f"{found:.0f}" if found >= 10 else f"{found:.2g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column holds names and whose others hold numbers."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
