"""Where a policy lets owners act on owners, a platform never loses its last one."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.datastructures import MultiDict

from flask_platform_users.actions import Block
from flask_platform_users.errors import ForbiddenError, RefusedError
from flask_platform_users.orders import Order
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.settings import Settings

from .conftest import Worlds
from .hosts import Key
from .world import World, query


@pytest.fixture
def lenient(worlds: Worlds, database: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """A host whose owners may act on each other."""
    world = worlds(f"a-enum/{database}")
    world.clean()

    def has_owner(platform: Key) -> bool:
        wanted = query(role="owner", status="active")
        return world.extension.directory(platform).matches(wanted) > 0

    monkeypatch.setattr(world.extension.policy, "outranks", lambda _actor, _user: True)
    monkeypatch.setattr(world.extension.policy, "has_owner", has_owner)
    return world


def owners(world: World, platform: Key, number: int) -> list[Key]:
    """Make several owners of one platform."""
    keys = [world.owner(platform if n == 0 else world.platform(str(n))).user for n in range(number)]
    mapping = world.extension.mapping
    column: Any = mapping.users.platform
    with world.app.app_context():
        moved = sa.update(column.parent.entity).where(mapping.key.in_(keys))
        world.host.db.session.execute(moved.values({column.key: platform}))
        world.host.db.session.commit()
    return keys


def block(world: World, platform: Key, actor: Key, key: Key) -> str:
    with world.app.app_context():
        extension = world.extension
        person = world.host.db.session.get(extension.mapping.users.model, actor)
        keys = Settings.of(world.app).keys(world.app)
        pipeline = Pipeline(extension.directory(platform), extension.policy, person, keys)
        data = MultiDict({"reason": "rivalry"})
        try:
            return pipeline.run(Order(action=Block(), key=str(key), data=data)).outcome
        except ForbiddenError as error:
            return error.sentence
        finally:
            world.host.db.session.remove()


def compete(
    start: threading.Barrier,
    said: dict[Key, str],
    world: World,
    platform: Key,
    actor: Key,
    key: Key,
) -> None:
    start.wait()
    said[actor] = block(world, platform, actor, key)


def test_of_two_owners_who_block_each_other_at_the_same_moment_one_stays(lenient: World) -> None:
    platform = lenient.platform()
    for _ in range(5):
        first, second = owners(lenient, platform, 2)
        start = threading.Barrier(2)
        said: dict[Key, str] = {}

        pairs = ((first, second), (second, first))
        threads = [
            threading.Thread(target=compete, args=(start, said, lenient, platform, *pair))
            for pair in pairs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(said.values()) == ["Your own account is blocked.", "done"]
        lenient.clean()
        platform = lenient.platform()


def test_the_last_owner_cannot_be_blocked_even_by_somebody_who_may(lenient: World) -> None:
    platform = lenient.platform()
    (only,) = owners(lenient, platform, 1)
    other = lenient.owner(lenient.platform("Globex")).user
    world = lenient
    with world.app.app_context():
        person = world.host.db.session.get(world.extension.mapping.users.model, other)

        class Guest(type(world.extension.policy)):  # type: ignore[misc]
            """Lets one person run another platform too."""

            def platform_of(self, actor: Any) -> Any:
                return platform if actor is person else super().platform_of(actor)

            outranks = staticmethod(lambda _actor, _user: True)
            has_owner = staticmethod(world.extension.policy.has_owner)

        keys = Settings.of(world.app).keys(world.app)
        pipeline = Pipeline(world.extension.directory(platform), Guest(), person, keys)
        order = Order(action=Block(), key=str(only), data=MultiDict({"reason": "coup"}))
        with pytest.raises(RefusedError, match="would leave the platform without an owner"):
            pipeline.run(order)
        assert world.extension.directory(platform).user(str(only)).status == "active"
        world.host.db.session.remove()
