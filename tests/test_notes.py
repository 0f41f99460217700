"""Staff keep notes on users."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from flask_platform_users.results import Note

from .conftest import mostly_on_sqlite
from .hosts import Key
from .html import foreign_scripts, parse
from .office import Office, verify
from .world import World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def notes(office: Office, key: Key) -> list[Note]:
    """Return the notes in the order of the details page."""
    with office.world.directory(office.platform) as directory:
        return list(directory.notes(directory.user(str(key))))


def texts(office: Office) -> list[str]:
    return [note.text for note in notes(office, office.user)]


def test_a_note_is_on_the_details_page_and_in_the_history(office: Office) -> None:
    text = "Prefers to be called\r\nin the morning 🌞 <script>alert(1)</script>{{ 7 * 7 }}"
    answer = office.do("add_note", office.user, text=text)
    page = parse(office.client.get(answer.location).text)
    assert foreign_scripts(page) == []
    kept = " ".join(text.split())
    assert page.one("li", class_="pu-note").text.startswith(kept)
    assert page.text.count(kept) == 2
    assert f" wrote a note on {office.name}." in page.text
    assert kept in parse(office.client.get(office.world.url("show_history")).text).text
    assert office.events()[0].reason == text.replace("\r\n", "\n")
    verify(office)


def test_pinned_notes_come_first_and_then_the_newest(office: Office) -> None:
    office.do("add_note", office.user, text="one", pinned="y")
    office.do("add_note", office.user, text="two")
    office.do("add_note", office.user, text="three")
    assert texts(office) == ["one", "three", "two"]


@mostly_on_sqlite
def test_a_note_of_nothing_or_of_too_much_is_refused(office: Office) -> None:
    for text in ("", "  \n ", "\x00", "x" * 1001):
        assert office.do("add_note", office.user, text=text).status_code == 422
    assert texts(office) == []


def test_a_note_is_sent_twice_and_kept_once(office: Office) -> None:
    form = office.hidden("add_note", office.user) | {"text": "once"}
    for _ in range(2):
        assert office.send("add_note", office.user, form).status_code == 303
    assert texts(office) == ["once"]


def test_a_note_can_be_removed_from_its_user_only(office: Office) -> None:
    (other,) = office.world.add(office.world.person(office.platform))
    for key in (office.user, other):
        office.do("add_note", key, text="old")
    (own,), (theirs,) = notes(office, office.user), notes(office, other)
    assert office.do("remove_note", office.user, note=theirs.id).status_code == 422
    details = office.client.get(office.world.user_url(office.user)).text
    assert office.url("remove_note", office.user) in details
    assert office.do("remove_note", office.user, note=own.id).status_code == 303
    assert texts(office) == []
    assert [note.text for note in notes(office, other)] == ["old"]
    assert (office.told()[-1], office.events()[0].reason) == (("remove_note", "done"), "old")
    assert office.ask("remove_note", office.user).status_code == 409


def test_another_platform_sees_nothing_of_a_note(office: Office) -> None:
    office.do("add_note", office.user, text="between us")
    world, elsewhere = office.world, office.world.platform("Globex")
    if world.host.CAN.shared_accounts:
        world.add(world.person(elsewhere, account=office.user))
    other = world.client(world.owner(elsewhere))
    for url in (world.user_url(office.user), world.url("show_history"), world.url()):
        assert "between us" not in other.get(url).text


def test_notes_go_with_the_user(office: Office) -> None:
    world = office.world
    office.do("add_note", office.user, text="old")
    office.do("delete", office.user, reason="left us", confirm=office.name)
    tables = world.extension.mapping.tables
    with world.directory(office.platform) as directory:
        bind = world.extension.mapping.bind
        past = datetime.now(UTC) - timedelta(seconds=1)
        directory.session.execute(
            sa.update(tables.state).values(purge_at=past), bind_arguments=bind
        )
        directory.session.commit()
        purged = world.app.test_cli_runner().invoke(args=["platform-users", "purge", "--yes"])
        assert purged.exit_code == 0, purged.output
        assert directory.session.execute(sa.select(tables.note), bind_arguments=bind).all() == []
