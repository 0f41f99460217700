"""Hosts on databases: one app and one database of its own for each, in each process."""

import gc
import inspect
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from types import CodeType
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.security import generate_password_hash

from .catalogue.table import ABUSES, ELSEWHERE, NOT_APPLICABLE
from .doors import table
from .groups import Groups, group_of, longest_first
from .hosts import HOSTS, Abilities
from .world import World


@dataclass(frozen=True)
class Server:
    """A database server that tests may need.

    Attributes:
        variable: the environment variable that says where it is.
        default: where it is otherwise.
        image: a container image that offers it.
        admin: the database to connect to while the others are made.
        drop: how to drop a database that somebody may still be connected to.
    """

    title: str
    variable: str
    default: str
    image: str
    admin: str
    drop: str

    @property
    def url(self) -> sa.URL:
        """Where the server is."""
        return sa.make_url(os.environ.get(self.variable) or self.default)

    @property
    def hint(self) -> str:
        """Say how to get one."""
        return (
            f"{self.title} does not answer at {self.url!r}: start it (for example with the image "
            f"{self.image}), or set {self.variable} to where it is."
        )

    def execute(self, statement: str) -> None:
        """Run one statement outside of any transaction."""
        engine = sa.create_engine(
            self.url.set(database=self.admin),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            connect_args={"connect_timeout": 3},
        )
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


SERVERS = {
    "postgresql": Server(
        title="PostgreSQL",
        variable="TEST_POSTGRES_URL",
        default="postgresql+psycopg://postgres@127.0.0.1:5432/test",
        image="postgres",
        admin="postgres",
        drop='DROP DATABASE IF EXISTS "{}" WITH (FORCE)',
    ),
    "mariadb": Server(
        title="MariaDB",
        variable="TEST_MARIADB_URL",
        default="mariadb+pymysql://root@127.0.0.1:3306/test?charset=utf8mb4",
        image="mariadb",
        admin="",
        drop="DROP DATABASE IF EXISTS `{}`",
    ),
}
PREFIX = os.environ.get("TEST_DATABASE_PREFIX") or "pu_test"
"""How the names of the databases begin; two runs at the same time need two prefixes."""

DATABASES = ("sqlite", *SERVERS)
WORLDS = [
    f"{name}/{database}"
    for name, host in HOSTS.items()
    for database in DATABASES
    if database == "sqlite" or not host.CAN.twin
]
ON_SERVERS = "c-membership"
"""The host that stands for all on the servers where a test is hardly about them: it has joins."""

CREATE = {
    "postgresql": 'CREATE DATABASE "{}"',
    "mariadb": "CREATE DATABASE `{}` CHARACTER SET utf8mb4",
}


@cache
def _answers(database: str) -> bool:
    try:
        SERVERS[database].execute("SELECT 1")
    except sa.exc.OperationalError:
        return False
    return True


def need(database: str) -> None:
    """Skip the test where a database server is missing; fail it where servers are required."""
    if database == "sqlite" or _answers(database):
        return
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(SERVERS[database].hint, pytrace=False)
    pytest.skip(SERVERS[database].hint)


NewDatabase = Callable[[str, str], str]
"""``new_database(database, name)``: make an empty database and return its address."""


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[NewDatabase]:
    """Make empty databases, which are dropped at the end."""
    made: list[tuple[Server, str]] = []

    def make(database: str, name: str) -> str:
        name = re.sub(r"\W", "_", f"{PREFIX}_{worker_id}_{name}")
        if database == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp(name) / 'database.sqlite3'}"
        server = SERVERS[database]
        server.execute(server.drop.format(name))
        server.execute(CREATE[database].format(name))
        made.append((server, name))
        url = server.url.set(database=name)
        if database == "postgresql":  # nobody mourns what a test loses in a power failure
            url = url.update_query_dict({"options": "-c synchronous_commit=off"})
        return url.render_as_string(hide_password=False)

    yield make
    for server, name in made:
        server.execute(server.drop.format(name))


@pytest.fixture(scope="session", autouse=True)
def hurried_sqlite() -> Iterator[None]:
    """Let SQLite not wait for the disk: nobody mourns what a test loses in a power failure."""
    sa.event.listen(sa.Pool, "connect", _hurry)
    yield
    sa.event.remove(sa.Pool, "connect", _hurry)


def _hurry(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hash the example's passwords with hardly any work: a sign-in shall not cost what it must."""
    cheap = partial(generate_password_hash, method="pbkdf2:sha256:1")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("auth", "seed"):
            patch.setattr(f"example_app.{module}.generate_password_hash", cheap)
        yield


class CompiledTemplates(BytecodeCache):
    """Keeps what templates are compiled to, for all apps of a process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._kept[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> Iterator[None]:
    """Compile a template for the first app that renders it, and for no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": CompiledTemplates()})
        yield


Worlds = Callable[[str], World]


@pytest.fixture(scope="session")
def worlds(new_database: NewDatabase) -> Iterator[Worlds]:
    """Return the world of a name such as ``a-enum/postgresql``, made when it is first needed."""
    made: dict[str, World] = {}

    def world(name: str) -> World:
        host_name, _, database = name.partition("/")
        need(database)
        if name not in made:
            host = HOSTS[host_name]
            urls = [new_database(database, f"{host_name}_{n}") for n in range(host.CAN.databases)]
            made[name] = World.build(host, database, urls)
        return made[name]

    yield world
    for one in made.values():
        one.dispose()


@pytest.fixture(params=WORLDS)
def used_world(request: pytest.FixtureRequest, worlds: Worlds) -> World:
    """Return each host on each database in turn, as the test before left it."""
    return worlds(request.param)


@pytest.fixture
def world(used_world: World) -> World:
    """Return each host on each database in turn, empty."""
    used_world.clean()
    return used_world


def on_hosts_where(condition: Callable[[Abilities], bool]) -> pytest.MarkDecorator:
    """Run a test on those hosts only that can express what it is about."""
    names = [name for name in WORLDS if condition(HOSTS[name.partition("/")[0]].CAN)]
    return pytest.mark.parametrize("used_world", names, indirect=True)


def on_host(name: str) -> pytest.MarkDecorator:
    """Run a test on one host only, on every database: for what no schema has a part in."""
    names = [f"{name}/{database}" for database in DATABASES]
    return pytest.mark.parametrize("used_world", names, indirect=True)


def mostly_on_sqlite(test: Callable[..., None]) -> Any:
    """Run a test on all hosts on SQLite, but on one only on the servers.

    It is for what is made of rows once they are read, and of requests before anything is asked: no
    database could tell the difference. What is about SQL, its types and its locks runs everywhere.
    """
    names = [
        name for name in WORLDS if name.endswith("/sqlite") or name.startswith(f"{ON_SERVERS}/")
    ]
    return pytest.mark.parametrize("used_world", names, indirect=True)(test)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Return the name of each database in turn."""
    need(request.param)
    name: str = request.param
    return name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    """Keep what shares an app and a database in one process, so that each is made once."""
    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False  # they are in order
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each process of several see the groups that take longest first."""
    if hasattr(config, "workerinput"):
        order = longest_first(item.nodeid for item in items)
        places = {group: place for place, group in enumerate(order)}
        items.sort(key=lambda item: places[group_of(item.nodeid)])


def pytest_collection_finish() -> None:
    """Look for cycles in memory less often: a page that is read as a tree is no garbage yet."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


# What the run prints at its end


def lines_of(part: Callable[..., Any]) -> int:
    """Count the lines of a part of a host's integration: its ``mount``, or its ``billing``."""
    return len(inspect.getsource(inspect.unwrap(part)).splitlines())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how each host passed, and how much of its mapping was guessed right."""
    print_hosts(terminalreporter)
    print_guesses(terminalreporter)
    print_doors(terminalreporter)
    print_cases(terminalreporter)


def print_guesses(terminalreporter: Any) -> None:
    """Print how many arguments of each host's mapping ``suggest`` guessed right."""
    found = {
        value[0]: value
        for report in terminalreporter.stats.get("passed", ())
        for name, value in report.user_properties
        if name == "suggest"
    }
    if not found:
        return
    write = terminalreporter.write_line
    terminalreporter.section("suggest: arguments guessed right")
    for host, number, wrong in sorted(found.values()):
        share = f"{number - len(wrong)} of {number}"
        write(f"{host:<16}{share:>10}" + (f"   not: {', '.join(wrong)}" if wrong else ""))
    right = sum(number - len(wrong) for _, number, wrong in found.values())
    total = sum(number for _, number, _ in found.values())
    write(f"{'all':<16}{f'{right} of {total}':>10}   ({right / total:.0%})")


def print_doors(terminalreporter: Any) -> None:
    """Print by which doors each action was reached on each host, always the same object."""
    found = {
        value[0]: value[1]
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for name, value in getattr(report, "user_properties", ())
        if name == "doors"
    }
    if not found:
        return
    terminalreporter.section("actions × doors × hosts: each time the same object")
    for line in table([name for name in HOSTS if name in found], found):
        terminalreporter.write_line(line)


def print_cases(terminalreporter: Any) -> None:
    """Print how many cases of abuse there are, how many passed, and how many the foil failed."""
    stats = terminalreporter.stats
    passed: set[str] = set()
    failed: set[str] = set()
    fallen: list[str] | None = None
    for outcomes, numbers in ((("passed",), passed), (("failed", "error"), failed)):
        for report in (report for outcome in outcomes for report in stats.get(outcome, ())):
            if getattr(report, "when", "call") == "call" or numbers is failed:
                properties = dict(getattr(report, "user_properties", ()))
                numbers |= {properties["case"]} if "case" in properties else set()
                numbers |= cases_of(report.nodeid)
                fallen = properties.get("foil", fallen)
    if not (passed | failed) - set(ELSEWHERE):
        return
    applicable = set(ABUSES) - set(NOT_APPLICABLE)
    terminalreporter.section("cases of abuse")
    terminalreporter.write_line(
        f"{len(ABUSES)} in the catalogue, {len(applicable)} applicable, "
        f"{len((passed - failed) & applicable)} passed"
        + ("" if fallen is None else f"; a swap of sessions fails {len(fallen)}")
    )


def cases_of(nodeid: str) -> set[str]:
    """Return the cases that a test of another file is for."""
    bare = nodeid.partition("[")[0].removeprefix("tests/")
    return {number for number, nodes in ELSEWHERE.items() if bare in nodes}


def print_hosts(terminalreporter: Any) -> None:
    """Print which host passed how often on which database, and how long its integration is."""
    passed: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for outcomes, counter in ((("passed",), passed), (("failed", "error"), failed)):
        for outcome in outcomes:
            for report in terminalreporter.stats.get(outcome, ()):
                found = re.search(r"\[(?:.*-)?([a-g]-[a-z-]+)/([a-z]+)", report.nodeid)
                if found and found[1] in HOSTS and getattr(report, "when", "call") == "call":
                    counter[found[1], found[2]] += 1
    if not passed and not failed:
        return
    write = terminalreporter.write_line
    terminalreporter.section("hosts × databases: tests passed")
    heads = ("mount, lines", "billing, lines", *DATABASES)
    write(f"{'host':<16}" + "".join(f"{head:>16}" for head in heads))
    for name, host in HOSTS.items():
        cells = (
            f"{passed[name, database]}"
            + (f" ({failed[name, database]} failed)" if failed[name, database] else "")
            for database in DATABASES
        )
        lines = (f"{lines_of(part)}" for part in (host.mount, host.billing))
        write(f"{name:<16}" + "".join(f"{cell:>16}" for cell in (*lines, *cells)))


__all__ = ["DATABASES", "HOSTS", "NewDatabase", "Worlds", "need"]
