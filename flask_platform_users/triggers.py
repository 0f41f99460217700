"""Triggers that let nobody change what the history says, short of whoever owns the tables.

They are made with the tables. A host whose tables are made by Alembic calls ``create_triggers`` in
the migration that creates them.
"""

import functools
import re
from typing import Any

import sqlalchemy as sa

from .models import Tables

_ATTACHED = "platform_users_triggers"
_SAYS = "the history is append-only"


def create_triggers(connection: sa.Connection, tables: Tables) -> None:
    """Create the triggers of a mount's history.

    Args:
        connection: to SQLite, PostgreSQL, MySQL or MariaDB; such as Alembic's ``op.get_bind()``.
        tables: the mount's tables, ``platform_users.mapping.tables``.
    """
    for table, refused in _protected(tables).items():
        _protect(table, connection, refused)


def attach_triggers(tables: Tables) -> None:
    """Have the triggers created whenever the tables are, also if several mounts share them."""
    for table, refused in _protected(tables).items():
        if not table.info.get(_ATTACHED):  # a second mount may use the same tables
            table.info[_ATTACHED] = True
            sa.event.listen(table, "after_create", functools.partial(_protect, refused=refused))


def _protected(tables: Tables) -> dict[sa.Table, tuple[str, ...]]:
    """Return what is refused on each table; what tells of people may be erased."""
    return {tables.event: ("UPDATE", "DELETE"), tables.event_private: ("UPDATE",)}


def _protect(
    table: sa.Table, connection: sa.Connection, refused: tuple[str, ...], **_: Any
) -> None:
    for statement in _statements(table, connection, refused):
        connection.exec_driver_sql(statement)


def missing_triggers(connection: sa.Connection, tables: Tables) -> list[str] | None:
    """Return the statements that make what a mount's history lacks of its triggers.

    None on databases for which there are no triggers. Tables that are missing are left out.
    """
    dialect = connection.dialect
    if dialect.name not in _BUILD:
        return None
    found: list[str] = []
    for table, refused in _protected(tables).items():
        if not sa.inspect(connection).has_table(table.name, table.schema):
            continue
        full = dialect.identifier_preparer.format_table(table)
        there = _present(connection, table.schema, full)
        lacking = []
        for statement in _statements(table, connection, refused):
            trigger = _TRIGGER.match(statement)
            if trigger is None or trigger[1] not in there:
                lacking.append(statement)
            elif not there[trigger[1]]:
                lacking.append(f"ALTER TABLE {full} ENABLE TRIGGER {trigger[1]}")
        if any(not statement.startswith("CREATE OR REPLACE") for statement in lacking):
            found += lacking
    return found


_TRIGGER = re.compile(r"CREATE TRIGGER (\S+)")
_PRESENT = {
    "sqlite": "SELECT name, 1 FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, tgenabled IN ('O', 'A') FROM pg_trigger "
    "WHERE NOT tgisinternal AND tgrelid = CAST(:full AS regclass)",
    "mysql": "SELECT trigger_name, 1 FROM information_schema.triggers "
    "WHERE trigger_schema = coalesce(:schema, database())",
}


def _present(connection: sa.Connection, schema: str | None, full: str) -> dict[str, bool]:
    """Return the triggers that are there, and whether each is switched on."""
    name = "mysql" if connection.dialect.name == "mariadb" else connection.dialect.name
    statement = sa.text(_PRESENT[name])
    wanted = {"full": full, "schema": schema}
    values = {key: wanted[key] for key in wanted if f":{key}" in _PRESENT[name]}
    return {row[0]: bool(row[1]) for row in connection.execute(statement, values)}


def _statements(table: sa.Table, connection: sa.Connection, refused: tuple[str, ...]) -> list[str]:
    dialect = connection.dialect
    full = dialect.identifier_preparer.format_table(table)
    build = _BUILD.get(dialect.name)
    return [] if build is None else build(table.name, full, refused)


def _sqlite(name: str, full: str, refused: tuple[str, ...]) -> list[str]:
    stop = f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END"
    same = (
        f"SELECT 1 FROM {full} "  # noqa: S608  # a table's name, quoted by its dialect
        "WHERE platform_key = NEW.platform_key AND seq = NEW.seq"
    )
    return [
        *(f"CREATE TRIGGER {name}_no_{v.lower()} BEFORE {v} ON {full} {stop}" for v in refused),
        # REPLACE removes the old row without firing its delete trigger.
        f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {full} WHEN EXISTS ({same}) {stop}",
    ]


def _mysql(name: str, full: str, refused: tuple[str, ...]) -> list[str]:
    stop = f"FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_SAYS}'"
    return [f"CREATE TRIGGER {name}_no_{v.lower()} BEFORE {v} ON {full} {stop}" for v in refused]


def _postgresql(name: str, full: str, refused: tuple[str, ...]) -> list[str]:
    stop = f"EXECUTE FUNCTION {name}_append_only()"
    return [
        f"CREATE OR REPLACE FUNCTION {name}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$BEGIN RAISE EXCEPTION '{_SAYS}'; END$$",
        f"CREATE TRIGGER {name}_no_change BEFORE {' OR '.join(refused)} ON {full} "
        f"FOR EACH ROW {stop}",
        f"CREATE TRIGGER {name}_no_truncate BEFORE TRUNCATE ON {full} FOR EACH STATEMENT {stop}",
    ]


_BUILD = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql, "mariadb": _mysql}
