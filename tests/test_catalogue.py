"""The catalogue of abuse, on several hosts and on a swap of sessions that must fail it."""

from collections.abc import Callable

import pytest

from . import foil
from .catalogue.registry import CASES, Case
from .catalogue.stage import Stage
from .catalogue.table import ABUSES, ELSEWHERE, NOT_APPLICABLE, PAGE, TESTS, page_with, table
from .conftest import NewDatabase, Worlds

PLAYED = [
    pytest.param(case, world, id=f"{case.id}-{case.play.__name__}-{world}")
    for case in CASES
    for world in (*(f"{host}/sqlite" for host in case.hosts), f"{case.hosts[0]}/postgresql")
]
"""Each case on each of its hosts on SQLite, and on the first of them on PostgreSQL."""


@pytest.mark.parametrize(("case", "name"), PLAYED)
def test_case(
    case: Case,
    name: str,
    worlds: Worlds,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("case", case.id)
    case.play(Stage(worlds(name), monkeypatch))


def test_a_swap_of_sessions_fails_at_least_twenty_cases(
    new_database: NewDatabase, record_property: Callable[[str, object], None]
) -> None:
    """If it passed them, the cases would be blind."""
    world = foil.build(new_database("sqlite", "foil"))
    fallen: dict[str, str] = {}
    for case in CASES:
        if not case.swapped:
            continue
        with pytest.MonkeyPatch.context() as patch:
            try:
                case.play(foil.FoilStage(world, patch))
            except AssertionError as error:
                fallen.setdefault(case.id, f"{case.sentence}: {str(error)[:80]}")
    world.dispose()
    for number, why in fallen.items():
        print(number, why)
    record_property("foil", sorted(fallen))
    assert len(fallen) >= 20


def test_every_case_has_a_test_or_a_reason_why_not() -> None:
    tested = {case.id for case in CASES} | set(ELSEWHERE)
    assert tested | set(NOT_APPLICABLE) == set(ABUSES)
    assert not tested & set(NOT_APPLICABLE)
    for node in (node for nodes in ELSEWHERE.values() for node in nodes):
        file, _, name = node.partition("::")
        assert f"def {name}(" in (TESTS / file).read_text(), node


def test_the_table_of_cases_is_not_stale() -> None:
    assert PAGE.read_text() == page_with(table()), "run python -m tests.catalogue"
