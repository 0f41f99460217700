"""Somebody at a terminal, who runs ``flask platform-users``."""

import json
from dataclasses import dataclass
from typing import Any

from .hosts import Login
from .world import World


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object that it printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON objects that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def login_id(world: World, login: Login) -> str:
    """Return by what the host's sessions know somebody."""
    with world.client(login).session_transaction() as session:
        known: str = session["_user_id"]
    return known


def run(world: World, *arguments: object, **options: Any) -> Said:
    """Run a command."""
    runner = world.app.test_cli_runner()
    result = runner.invoke(args=["platform-users", *map(str, arguments)], **options)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)
