"""Deletion behaves the same on every host."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from werkzeug.datastructures import MultiDict

from flask_platform_users import Action
from flask_platform_users.actions import Delete, Restore
from flask_platform_users.errors import NotFoundError
from flask_platform_users.orders import Order
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.rights import SYSTEM

from .world import World, query


def do(world: World, platform: object, action: Action, key: object, **fields: str) -> str:
    extension = world.extension
    pipeline = Pipeline(
        extension.directory(platform), extension.policy, SYSTEM, extension.chain(platform).keys
    )
    order = Order(action=action, key=str(key), data=MultiDict(fields))
    return pipeline.run(order).outcome


def test_a_deleted_user_is_out_of_everything_until_restored_or_purged(used_world: World) -> None:
    world = used_world
    platform, other = world.platform(), world.platform("Globex")
    people = [
        world.person(platform, channels=dict.fromkeys(world.host.CAN.channels, 2)),
        world.person(platform),
        world.person(platform, channels=dict.fromkeys(world.host.CAN.channels, 1)),
        world.person(other, channels=dict.fromkeys(world.host.CAN.channels, 1)),
    ]
    rich, poor, *_ = world.add(*people)
    name = people[0].username
    with world.app.app_context():
        directory = world.extension.directory(platform)
        before, elsewhere = directory.summary(), world.extension.directory(other).summary()
        shown = directory.user(str(rich)).name
        do(world, platform, Delete(), rich, reason="x", confirm=shown)
        after = directory.summary()
        assert after.total == before.total - 1
        assert after.active == before.active - 1
        assert after.channels == {kind: n - 2 for kind, n in before.channels.items()}
        assert world.extension.directory(other).summary() == elsewhere
        for wanted, found in ((query(name), 0), (query(status="deleted"), 1)):
            assert directory.matches(wanted) == found
            sort = next(iter(directory.sorts(after.total).values()))
            assert len(directory.page(wanted, sort).users) == found
        with pytest.raises(NotFoundError):
            directory.user(str(rich))
        with pytest.raises(NotFoundError):
            do(world, other, Restore(), rich)
        assert do(world, platform, Restore(), rich) == "done"
        assert directory.summary() == before

        do(world, platform, Delete(), poor, reason="x", confirm=directory.user(str(poor)).name)
        state = world.extension.mapping.tables.state
        world.extension.db.session.execute(
            sa.update(state)
            .where(state.c.user_key == poor)
            .values(purge_at=datetime.now(UTC) - timedelta(seconds=1)),
            bind_arguments=world.extension.mapping.bind,
        )
        world.extension.db.session.commit()
        world.extension.db.session.remove()
        said = world.app.test_cli_runner().invoke(args=["platform-users", "purge", "--yes"])
        assert (said.exit_code, said.output) == (0, "Deleted 1 user for good.\n")
        assert directory.summary().total == before.total - 1
        left = world.extension.db.session.get(world.extension.users.model, poor)
        assert (left is not None) == bool(world.extension.users.join)
        said = world.app.test_cli_runner().invoke(args=["platform-users", "audit", "verify"])
        assert said.exit_code == 0
