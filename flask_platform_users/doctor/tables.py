"""The plugin's own tables, their indexes, and the triggers that keep the history append-only."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask import Flask

from ..triggers import missing_triggers
from .finding import Finding, compiled, engine_of

if TYPE_CHECKING:
    from ..extension import PlatformUsers


def tables(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Find tables, columns and indexes of the plugin that the database lacks."""
    engine = engine_of(extension)
    own: list[sa.Table] = list(vars(extension.mapping.tables).values())
    inspector = sa.inspect(engine)
    sound = True
    for table in own:
        if not inspector.has_table(table.name, table.schema):
            sound = False
            yield Finding(
                "fault",
                f"The table {table.fullname} is missing.",
                "Create it with db.create_all(), or with a migration (README, “Mount it”).",
            )
            continue
        there = {column["name"] for column in inspector.get_columns(table.name, table.schema)}
        if lacking := [column.name for column in table.columns if column.name not in there]:
            sound = False
            yield Finding(
                "fault",
                f"The table {table.fullname} lacks {', '.join(lacking)}.",
                "Add what is missing with a migration; the table was made by an older version.",
            )
            continue
        names = {index["name"] for index in inspector.get_indexes(table.name, table.schema)}
        for index in table.indexes:
            if index.name not in names:
                sound = False
                yield Finding(
                    "fault",
                    f"The table {table.fullname} lacks its index {index.name}.",
                    "Create it.",
                    (compiled(sa.schema.CreateIndex(index), engine),),
                )
    if sound:
        yield Finding("ok", f"All {len(own)} tables of the plugin are there.")


def triggers(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Find triggers of the history that the database lacks, or that somebody switched off."""
    engine = engine_of(extension)
    with engine.connect() as connection:
        statements = missing_triggers(connection, extension.mapping.tables)
    if statements is None:
        yield Finding(
            "warning",
            f"There are no triggers for {engine.dialect.name}: the history can be changed by "
            "whoever can write to its tables.",
            "Let “flask platform-users audit verify” run every day.",
        )
    elif statements:
        yield Finding(
            "fault",
            "Triggers that keep the history append-only are missing or switched off.",
            "Create them again, and find out who dropped them: run “audit verify”.",
            tuple(statements),
        )
    else:
        yield Finding("ok", "The history is kept append-only by its triggers.")
