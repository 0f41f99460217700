"""What SQLAlchemy knows of the host's models: keys, tables, foreign keys, indexes."""

import re
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, QueryableAttribute

from .mapping import Count, Expression, Users, plain


def mapper_of(model: type[Any]) -> Mapper[Any]:
    """Return the mapper of a mapped class."""
    mapper: Mapper[Any] = sa.inspect(model)
    return mapper


def binds_of(tables: Iterable[Any]) -> set[str | None]:
    """Return the databases that tables live in, by Flask-SQLAlchemy's names for them."""
    return {t.metadata.info.get("bind_key") for t in tables if isinstance(t, sa.Table)}


def key_of(model: type[Any]) -> QueryableAttribute[Any]:
    """Return the attribute that holds the model's (single-column) primary key."""
    mapper = mapper_of(model)
    attribute: QueryableAttribute[Any] = mapper.get_property_by_column(
        mapper.primary_key[0]
    ).class_attribute
    return attribute


def tables_of(expression: Expression) -> set[sa.FromClause]:
    """Return the tables whose columns an expression reads; those inside a subquery are its own."""
    return {column.table for column in _columns(expression) if column.table is not None}


def _columns(expression: Expression) -> Iterator[sa.ColumnClause[Any]]:
    stack: list[Any] = [clause(expression)]
    while stack:
        element = stack.pop()
        if isinstance(element, sa.ColumnClause):
            yield element
        elif not isinstance(element, sa.SelectBase | sa.ScalarSelect | sa.Exists):
            stack.extend(element.get_children())


def clause(expression: Expression) -> sa.ColumnElement[Any]:
    """Return the SQL behind an attribute of a mapped class, or the expression itself."""
    element: sa.ColumnElement[Any] = expression.expression  # type: ignore[attr-defined]
    return element


def user_tables(users: Users) -> set[sa.FromClause]:
    """Return the tables of the user model and of everything named in ``join``."""
    tables: set[sa.FromClause] = set(mapper_of(users.model).tables)
    for target, _ in users.join:
        tables |= _tables_of_target(target)
    return tables


def _tables_of_target(target: Any) -> set[sa.FromClause]:
    inspected = sa.inspect(target)
    if isinstance(inspected, Mapper):
        return set(inspected.tables)
    return {inspected.selectable}


def is_counter(users: Users, count: Count) -> bool:
    """Say whether a count is a number kept on the user's own row."""
    return tables_of(count.column) <= user_tables(users)


def target_of(users: Users, column: Expression) -> Expression | None:
    """Return the user's attribute that a counted table's column points at, None if there is none.

    A foreign key decides; a column without one must have the type of the user's key.
    """
    return pointed_at(users.model, column)


def pointed_at(model: type[Any], column: Expression) -> QueryableAttribute[Any] | None:
    """Return the attribute of a model that a column points at, by the rule of ``target_of``."""
    mapper = mapper_of(model)
    foreign_keys = clause(column).foreign_keys
    for foreign_key in foreign_keys:
        for own in mapper.columns:
            if foreign_key.column is own:
                attribute: QueryableAttribute[Any] = mapper.get_property_by_column(
                    own
                ).class_attribute
                return attribute
    key = key_of(model)
    return None if foreign_keys or python_type(column) is not python_type(key) else key


def python_type(expression: Expression) -> type[Any] | None:
    """Return the Python type that a column's values are stored from, None if it does not say."""
    try:
        return _stored_type(expression).python_type
    except NotImplementedError:
        return None


def values_in(column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return the statement for the different values of a column, the most frequent first."""
    return (
        sa.select(column)
        .where(column.is_not(None))
        .group_by(column)
        .order_by(sa.func.count().desc(), column)
    )


def is_text(expression: Expression) -> bool:
    """Say whether a column keeps text of any kind, which can be searched and has its cases."""
    type_ = _stored_type(expression)
    return isinstance(type_, sa.String) and not isinstance(type_, sa.Enum)


def _stored_type(expression: Expression) -> sa.types.TypeEngine[Any]:
    type_ = clause(expression).type
    return type_.impl_instance if isinstance(type_, sa.types.TypeDecorator) else type_


def is_indexed(*columns: Expression) -> bool:
    """Say whether an index starts with these columns or expressions, in this order."""
    wanted = [str(clause(column)) for column in columns]
    return any(
        [str(part) for part in index.expressions][: len(wanted)] == wanted
        for table in tables_of(columns[0])
        if isinstance(table, sa.Table)
        for index in table.indexes
    )


def parse_key(key: str, kind: type[Any] | None) -> Any:
    """Turn the text of a key into its value; None where no key can be spelled like that."""
    if kind is int:
        number = int(key) if re.fullmatch(r"-?[0-9]{1,19}", key) else None
        return number if number is not None and abs(number) < 2**63 else None
    if kind is uuid.UUID:
        try:
            return uuid.UUID(key)
        except ValueError:
            return None
    return None if len(key) > 255 or "\x00" in key else key


def word(value: Any) -> str:
    """Return the word for a role as the page shows it."""
    return str(plain(value))


def known_words(column: sa.ColumnElement[Any]) -> list[Any] | None:
    """Return the values that an enum column may take, None for any other column."""
    if not isinstance(column.type, sa.Enum):
        return None
    return list(column.type.enum_class or column.type.enums)
