"""axe finds nothing wrong, by WCAG 2.2 AA, with any page in any state.

Here each state is seen once, by turns wide and narrow, light and dark, and of a list its first
rows; `make axe` sees each in all of them, and from right to left too.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.gallery import LOOKS, Look, Visitors
from tests.showroom import opened
from tests.states import STATES, State

from .axe import violations

LEFT_TO_RIGHT = [look for look in LOOKS if look.direction == "ltr"]
TURNS = [(state, LEFT_TO_RIGHT[n % len(LEFT_TO_RIGHT)]) for n, state in enumerate(STATES)]


@pytest.fixture(scope="module")
def visitors(browser: Browser) -> Iterator[Visitors]:
    with opened() as room:
        yield Visitors(browser, room)
        for context in browser.contexts:
            context.close()


@pytest.mark.parametrize(("state", "look"), TURNS, ids=[f"{s.name}-{look}" for s, look in TURNS])
def test_axe_finds_nothing_wrong(visitors: Visitors, state: State, look: Look) -> None:
    page = visitors.at(state)
    look.put_on(page)
    assert violations(page, rows=8, floats=state.floats) == []
