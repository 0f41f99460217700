"""Many values in one statement: as arrays where the database has them.

PostgreSQL takes any number of values as one parameter. With one for each value, reading and
planning the statement takes longer than all else that a job does.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

SEPARATOR = "\x1f"
"""Between several texts in a single one: ASCII's own unit separator."""


def one_of(
    session: Any, column: Any, values: Collection[Any], bind: dict[str, Any], type_: Any = None
) -> sa.ColumnElement[bool]:
    """Say when a column holds one of some values.

    Args:
        session: what the statement will be executed in, with ``bind`` as its ``bind_arguments``.
        column: of a table or a model.
        values: as Python has them.
        bind: see above.
        type_: of the values; that of the column where they do not need another.
    """
    type_, found = type_ or column.type, list(values)
    if _has_arrays(session, bind):
        one: sa.ColumnElement[bool] = column == sa.any_(_array(found, type_))
        return one
    many: sa.ColumnElement[bool] = column.in_(sa.bindparam(None, found, type_, expanding=True))
    return many


def insert_all(
    session: Any, table: sa.Table, rows: Sequence[Mapping[str, Any]], bind: dict[str, Any]
) -> None:
    """Insert rows that have the same columns, with one statement where the database can."""
    if not rows:
        return
    if len(rows) > 1 and _has_arrays(session, bind):
        session.execute(_from_arrays(table, rows), bind_arguments=bind)
        return
    statement: Any = sa.insert(table)
    if len(rows) > 1 and session.get_bind(**bind).dialect.insert_executemany_returning:
        # Asking for something back is what makes SQLAlchemy send many rows at once.
        statement = statement.returning(next(iter(table.primary_key)))
    session.execute(statement, list(rows), bind_arguments=bind)


def _has_arrays(session: Any, bind: dict[str, Any]) -> bool:
    return bool(session.get_bind(**bind).dialect.name == "postgresql")


def _from_arrays(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> sa.Insert:
    columns, arrays = [], []
    values: dict[str, Any] = {}
    for name, first in rows[0].items():
        type_, many = _uncut(table.c[name].type), [row[name] for row in rows]
        if all(value == first for value in many):
            values[name] = sa.cast(sa.literal(first, type_), type_)
        else:
            columns.append(sa.column(name, type_))
            arrays.append(_array(many, type_))
    source = sa.func.unnest(*arrays).table_valued(*columns).render_derived()
    values |= {column.name: source.c[column.name] for column in columns}
    return sa.insert(table).from_select(list(values), sa.select(*values.values()))


def _array(values: list[Any], type_: Any) -> sa.ColumnElement[Any]:
    """Return values as one parameter; not every driver says of which type it is."""
    array = sa.ARRAY(_uncut(type_))
    if not _are_plain(values, type_):
        return sa.cast(sa.bindparam(None, values, array), array)
    # psycopg looks through each item of an array for what is to be quoted.
    joined = sa.func.string_to_array(SEPARATOR.join(map(str, values)), SEPARATOR)
    return sa.cast(joined, array)


def _are_plain(values: list[Any], type_: Any) -> bool:
    """Say whether several values can be sent as one text and taken apart again."""
    if len(values) < 2 or isinstance(type_, sa.Enum):
        return False
    if isinstance(type_, sa.Integer):
        return all(type(value) is int for value in values)
    return isinstance(type_, sa.String) and all(
        isinstance(value, str) and SEPARATOR not in value for value in values
    )


def _uncut(type_: Any) -> Any:
    """Return a type that a value can be cast to without being cut to its length in silence."""
    return sa.Text() if isinstance(type_, sa.String) and not isinstance(type_, sa.Enum) else type_
