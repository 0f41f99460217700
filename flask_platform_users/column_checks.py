"""What can be wrong with the columns of the list: one sentence each."""

import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import Flask

from .columns import DEFAULT_COLUMNS, Column
from .faults import expression_faults, has_template, repeated
from .inspection import clause, is_text, python_type, tables_of, user_tables
from .mapping import Users

_NAME = re.compile(r"[a-z][a-z0-9_]{,39}")
_TAKEN = {column.name for column in DEFAULT_COLUMNS}
_SORTABLE = {str, int, float, bool, Decimal, datetime, date, uuid.UUID, bytes}
_EXAMPLE = "Column('company', User.company, label='Company')"


def column_faults(columns: Sequence[Any], users: Users | None) -> Iterator[str]:
    """Find what is wrong with ``columns=``.

    Args:
        columns: what was given, ``...`` for the default ones.
        users: the mapping of the users; None if that is at fault itself.
    """
    good = [column for column in columns if isinstance(column, Column)]
    for wrong in columns:
        if wrong is not ... and not isinstance(wrong, Column):
            yield (
                f"PlatformUsers(columns=...) was given {wrong!r}; expected Column objects, and "
                f"... for the default ones, as in columns=[..., {_EXAMPLE}]."
            )
    if not good and ... not in columns:
        yield (
            "PlatformUsers(columns=...) was given no column; leave it out for the default ones, or "
            f"add yours to them, as in columns=[..., {_EXAMPLE}]."
        )
    if list(columns).count(...) > 1:
        yield (
            "PlatformUsers(columns=...) was given ... more than once; it stands for the default "
            "columns in one place."
        )
    for name, times in repeated(str(column.name) for column in good):
        yield (
            f"Column({name!r}) is given {times} times in columns=; expected each name once: rename "
            "all but one, the label= may stay."
        )
    for column in good:
        yield from _name_faults(column)
        yield from _value_faults(column, users)


def cell_faults(app: Flask, columns: Sequence[Any]) -> Iterator[str]:
    """Find cell templates that the app does not have."""
    ours = [column.cell for column in (*DEFAULT_COLUMNS, Column(""))]
    for column in columns:
        if not isinstance(column, Column) or column.cell in ours:
            continue
        if not has_template(app, column.cell):
            yield (
                f"Column({column.name!r}, cell=...) was given {column.cell!r}, which is no "
                "template of the app; expected one that shows a value, such as "
                "'cells/company.html': add the file to your templates, or register the blueprint "
                "that has it first."
            )


def _name_faults(column: Column) -> Iterator[str]:
    if not _NAME.fullmatch(str(column.name)) or column.name == "key":
        yield (
            f"Column(name) was given {column.name!r}; expected a lower-case identifier of up to 40 "
            "characters that is not 'key', such as 'company'."
        )
    elif column.name in _TAKEN and type(column) is Column:
        yield (
            f"Column({column.name!r}) has the name of a default column; give it another, or change "
            "ours, as in dataclasses.replace(columns.CREATED, label='Member since')."
        )


def _value_faults(column: Column, users: Users | None) -> Iterator[str]:
    argument = f"Column({column.name!r})"
    if column.value is None:
        if type(column) is Column and column.cell == Column("").cell:
            yield (
                f"{argument} has neither a value nor a cell of its own; expected a column of your "
                f"user model, as in {_EXAMPLE}."
            )
        if type(column) is Column and (column.sort or column.search):
            yield (
                f"{argument} has no value that users could be sorted by or searched for; leave "
                "sort= and search= out, or give it one."
            )
        return
    wrong = list(
        expression_faults(
            argument,
            column.value,
            f"a column or another SQL expression of your user model, as in {_EXAMPLE}",
        )
    )
    yield from wrong
    if wrong:
        return
    if users is not None and not tables_of(column.value) <= user_tables(users):
        yield (
            f"{argument} was given {column.value}, a column of another model; expected one of "
            f"{users.model.__name__} or of a model in join=: add the join that leads there, or "
            "read it by a correlated scalar_subquery()."
        )
    if column.search and not is_text(column.value):
        yield (
            f"{argument} was given search=True, but {column.value} is no text "
            f"({clause(column.value).type!r}); leave search= out."
        )
    is_enum = isinstance(clause(column.value).type, sa.Enum)
    if column.sort and not is_enum and python_type(column.value) not in _SORTABLE:
        yield (
            f"{argument} was given sort=True, but users cannot be ordered by {column.value} of "
            f"type {clause(column.value).type!r}; leave sort= out, or give it a type, as in "
            "type_coerce(..., String)."
        )
