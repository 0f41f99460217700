"""What a person has chosen of the page is kept for them, on that platform."""

import pytest

from flask_platform_users.preferences import LARGEST, Preferences

from .world import World


def test_a_preference_is_kept_for_one_person_on_one_platform(world: World) -> None:
    here, elsewhere = world.platform(), world.platform()
    with world.directory(here) as directory, world.directory(elsewhere) as other:
        mine = Preferences(directory, "1")
        assert mine.read("columns") is None
        mine.write("columns", ["name", "Größe"])
        mine.write("columns", {"shown": ["name"], "wide": True})
        mine.write("views", [])
        assert mine.read("columns") == {"shown": ["name"], "wide": True}
        assert mine.read("views") == []
        assert mine.all() == {"columns": {"shown": ["name"], "wide": True}, "views": []}
        assert Preferences(directory, "2").read("columns") is None
        assert Preferences(other, "1").read("columns") is None
        Preferences(other, "1").remove("columns")
        mine.remove("views")
        assert (mine.read("columns"), mine.read("views")) == (
            {"shown": ["name"], "wide": True},
            None,
        )


def test_two_requests_of_one_person_keep_the_later_of_what_they_say(world: World) -> None:
    platform = world.platform()
    with world.directory(platform) as directory:
        slower = Preferences(directory, "1")
        missed = iter([False])
        update = slower._update
        slower._update = lambda name, text: next(missed, None) is None and update(name, text)  # type: ignore[method-assign]
        Preferences(directory, "1").write("columns", "quicker")
        slower.write("columns", "slower")
        assert slower.read("columns") == "slower"


def test_a_preference_cannot_be_large(world: World) -> None:
    with world.directory(world.platform()) as directory:
        mine = Preferences(directory, "1")
        mine.write("views", "x" * (LARGEST - 2))
        with pytest.raises(
            ValueError, match="'views' would take 16386 bytes; up to 16384 are kept"
        ):
            mine.write("views", "ö" * 2730 + "x" * 4)
        assert mine.read("views") == "x" * (LARGEST - 2)
