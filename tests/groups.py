"""Which tests share an app and a database, and so are run together by one process.

What a process makes for a group is made once. The marks of pytest-xdist would say the same, but
from pytest 9.2 on they get lost on the way to what hands out the tests; so this reads it off their
names.
"""

import re
from collections import Counter
from collections.abc import Iterable

from xdist.scheduler import LoadScopeScheduling

from .hosts import HOSTS

_WORLD = re.compile(rf"[\[-]((?:{'|'.join(HOSTS)})/[a-z]+)[-\]]")
_DATABASE = re.compile(r"[\[-](sqlite|postgresql|mariadb)[-\]]")
_BROWSER = "tests/browser"

WEIGHTS = {
    _BROWSER: 8,
    "tests/test_cli.py": 5,
    "tests/test_every_text.py": 3,
    "tests/test_harness.py": 80,
    "tests/test_matrix.py": 35,
    "tests/test_overlay_machine.py": 12,
    "tests/test_prefix.py": 3,
    "tests/test_strict.py": 10,
}
"""How many times as long as most others a test takes, by its file or group."""


def group_of(nodeid: str) -> str:
    """Return what a test shares: a browser, a world, or its file's product on a database."""
    file = nodeid.partition("::")[0]
    if file.startswith(_BROWSER):
        return _BROWSER
    if world := _WORLD.search(nodeid):
        return world[1]
    database = _DATABASE.search(nodeid)
    return f"{file}/{database[1]}" if database else file


def longest_first(nodeids: Iterable[str]) -> list[str]:
    """Return the groups in the order in which they are begun, so that none is left at the end."""
    weights: Counter[str] = Counter()
    for nodeid in nodeids:
        group = group_of(nodeid)
        weights[group] += WEIGHTS.get(group) or WEIGHTS.get(nodeid.partition("::")[0], 1)
    return [group for group, _ in weights.most_common()]


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out groups of tests to processes."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
