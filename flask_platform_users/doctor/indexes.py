"""Whether the live database has the indexes that the page's statements want."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SAWarning

from ..inspection import clause, is_counter, is_indexed, tables_of
from ..mapping import Count, Expression
from ..statements import BOUNDED
from .finding import Finding, Level, compiled, engine_of

if TYPE_CHECKING:
    from ..extension import PlatformUsers

WIDEST = 191
"""MySQL and MariaDB index so many characters of long text columns."""


@dataclass(frozen=True)
class Wanted:
    """An index that a statement of the page wants.

    Attributes:
        what: what gets slow without it.
        columns: the columns to create it with.
        serve: columns that an index may begin with to do as well, in any of these orders.
        spared: whether the page does without on large platforms, so that nothing gets slow.
    """

    what: str
    columns: tuple[sa.Column[Any], ...]
    serve: tuple[tuple[sa.Column[Any], ...], ...]
    spared: bool = False

    @property
    def table(self) -> sa.Table:
        """The table it is on."""
        return self.columns[0].table

    def is_served(self, live: Sequence[Sequence[str | None]]) -> bool:
        """Say whether one of the database's indexes will do."""
        heads = [[column.name for column in head] for head in self.serve]
        return any(list(index[: len(head)]) == head for index in live for head in heads)


def list_indexes(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Find what the list lacks for its orders."""
    users = extension.mapping.users
    orders = {"created": users.created, "name": users.username, "last login": users.last_login}
    own = extension.mapping.own_columns.items()
    orders |= {column.title: value for column, value in own if column.sort}
    wanted: list[Wanted] = []
    for name, value in orders.items():
        one = None if value is None else _order(extension, name, value)
        if one is not None:
            wanted.append(replace(one, spared=bool(wanted) and not is_indexed(*one.serve[0])))
    yield from _judged(extension, wanted or list(_platform(extension)), "the list")
    live = _Live(engine_of(extension))
    for one in wanted:
        declared = is_indexed(*one.serve[0])
        if one.is_served(live.of(one.table)) and not declared:
            columns = ", ".join(f'"{column.key}"' for column in one.columns)
            yield Finding(
                "warning",
                f"No model declares the index for {one.what}, so the page does not offer that "
                f"order on platforms of more than {BOUNDED:,} users.",
                f'Add Index("{_name(one.table, one.columns)}", {columns}) to the model\'s '
                "__table_args__.",
            )


def count_indexes(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Find what the numbers of channels and usage lack."""
    mapping = extension.mapping
    wanted: list[Wanted] = []
    for count in (*mapping.channels, *mapping.usage):
        if not is_counter(mapping.users, count):
            wanted += _counted(count, on_cards=count in mapping.channels)
    yield from _judged(extension, wanted, "channels and usage")


def search_indexes(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Find what the search lacks; only PostgreSQL has indexes for the inside of words."""
    engine = engine_of(extension)
    if engine.dialect.name != "postgresql":
        yield Finding("ok", "Searching reads a platform's users; no index of this database helps.")
        return
    sound = True
    with engine.connect() as connection:
        extended = connection.scalar(sa.text("SELECT 1 FROM pg_extension WHERE extname='pg_trgm'"))
    for column in _columns(extension.mapping.searched):
        if _has_trigrams(engine, column):
            continue
        sound = False
        copy = column.table.to_metadata(sa.MetaData())
        index = sa.Index(
            _name(column.table, [column], "_trgm"),
            copy.c[column.key],
            postgresql_using="gin",
            postgresql_ops={column.key: "gin_trgm_ops"},
            postgresql_concurrently=True,
        )
        statement = compiled(sa.schema.CreateIndex(index), engine)
        yield Finding(
            _level(engine, column.table),
            f"A search in {column.table.fullname}.{column.name} reads all users of a platform.",
            "Create an index of trigrams.",
            (statement,) if extended else ("CREATE EXTENSION IF NOT EXISTS pg_trgm", statement),
        )
    if sound:
        yield Finding("ok", "Indexes of trigrams serve the search.")


class _Live:
    """The indexes of the database, each as its columns."""

    def __init__(self, engine: sa.Engine) -> None:
        self.inspector = sa.inspect(engine)

    def of(self, table: sa.Table) -> list[list[str | None]]:
        """Return those of a table, without the ones that cover some of its rows only."""
        name, schema = table.name, table.schema
        with warnings.catch_warnings():
            # SQLite's indexes of expressions are left out with a warning; none of ours is one.
            warnings.simplefilter("ignore", SAWarning)
            indexes = self.inspector.get_indexes(name, schema)
        partial = ("postgresql_where", "sqlite_where")
        found = [
            list(index["column_names"])
            for index in indexes
            if not any(index.get("dialect_options", {}).get(key) for key in partial)
        ]
        found.append(list(self.inspector.get_pk_constraint(name, schema)["constrained_columns"]))
        for constraint in self.inspector.get_unique_constraints(name, schema):
            found.append(list(constraint["column_names"]))
        return found


def _judged(extension: "PlatformUsers", wanted: Sequence[Wanted], what: str) -> Iterator[Finding]:
    """Say which indexes are missing, each once; or that none is."""
    engine = engine_of(extension)
    live = _Live(engine)
    missing = {w.columns: w for w in wanted if not w.is_served(live.of(w.table))}
    for one in missing.values():
        level: Level = "warning" if one.spared else _level(engine, one.table)
        more = "; it is not offered on large platforms" if one.spared else ""
        yield Finding(
            level,
            f"No index of {one.table.fullname} serves {one.what}{more}.",
            "Create one.",
            (_create(one, engine),),
        )
    if wanted and not missing:
        yield Finding("ok", f"Indexes serve {what}.")


def _level(engine: sa.Engine, table: sa.Table) -> Level:
    """Tell whether a missing index matters yet: by the number of rows."""
    some = sa.select(sa.literal(1).label("one")).select_from(table).limit(BOUNDED + 1).subquery()
    with engine.connect() as connection:
        rows = connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0
    return "fault" if rows > BOUNDED else "warning"


def _order(extension: "PlatformUsers", name: str, value: Expression) -> Wanted | None:
    """Return the index for an order of the list; None where no index could serve it."""
    columns = _columns([extension.mapping.users.platform, value])
    if len(columns) != 2 or columns[0].table is not columns[1].table:
        return None
    full = (*columns, *_key(extension, columns[0].table))
    return Wanted(f"the list ordered by {name}", full, (tuple(columns),))


def _platform(extension: "PlatformUsers") -> Iterator[Wanted]:
    """Yield the index that finds the users of a platform at all."""
    columns = _columns([extension.mapping.users.platform])
    if columns:
        full = (*columns, *_key(extension, columns[0].table))
        yield Wanted("the users of a platform", full, (tuple(columns),))


def _key(extension: "PlatformUsers", table: sa.Table) -> list[sa.Column[Any]]:
    """Return the column of a table that holds the user's key."""
    (key,) = _columns([extension.mapping.key])
    if key.table is table:
        return [key]
    return [c for c in table.columns if any(f.column is key for f in c.foreign_keys)][:1]


def _counted(count: Count, *, on_cards: bool) -> Iterator[Wanted]:
    columns = _columns([count.column])
    if not columns:
        return
    platform = _columns([] if count.platform is None else [count.platform])
    serve = [tuple(columns)] + ([(platform[0], columns[0])] if platform else [])
    yield Wanted(f"{count.title} of one user", (*platform, *columns), tuple(serve))
    if platform and on_cards:
        kinds = [] if count.where is None else _read_by(count.where, columns[0].table)
        full = dict.fromkeys([platform[0], *kinds])
        yield Wanted(f"{count.title} of a platform", tuple(full), ((platform[0],),))


def _columns(expressions: Sequence[Expression]) -> list[sa.Column[Any]]:
    """Return the tables' own columns behind expressions that are nothing else."""
    found: list[sa.Column[Any]] = []
    for expression in expressions:
        element: Any = clause(expression)
        base = next(iter(element.base_columns), None) if hasattr(element, "table") else None
        if isinstance(base, sa.Column) and isinstance(base.table, sa.Table):
            found.append(base)
    return found


def _read_by(predicate: Expression, table: sa.Table) -> list[sa.Column[Any]]:
    """Return the columns of a table that a predicate compares, where an index can keep them."""
    if table not in tables_of(predicate):
        return []
    names = {str(element.name) for element in sa.sql.visitors.iterate(clause(predicate))
             if isinstance(element, sa.ColumnClause)}  # fmt: skip
    return [c for c in table.columns if c.name in names and not isinstance(c.type, sa.JSON)]


def _create(wanted: Wanted, engine: sa.Engine) -> str:
    """Return the statement that creates an index, on a copy of the table, which stays as it is."""
    copy = wanted.table.to_metadata(sa.MetaData())
    long = {
        column.name: WIDEST
        for column in wanted.columns
        if isinstance(column.type, sa.String)
        and (column.type.length or WIDEST + 1) > WIDEST
        and not isinstance(column.type, sa.Enum)
    }
    index = sa.Index(
        _name(wanted.table, wanted.columns),
        *(copy.c[column.key] for column in wanted.columns),
        postgresql_concurrently=True,
        mysql_length=long,
        mariadb_length=long,
    )
    return compiled(sa.schema.CreateIndex(index), engine)


def _name(table: sa.Table, columns: Sequence[sa.Column[Any]], suffix: str = "") -> str:
    """Return a name that every database takes."""
    return "_".join(["ix", table.name, *(c.name for c in columns)])[: 60 - len(suffix)] + suffix


def _has_trigrams(engine: sa.Engine, column: sa.Column[Any]) -> bool:
    """Say whether PostgreSQL has a complete index of trigrams that holds a column."""
    statement = sa.text(
        "SELECT 1 FROM pg_index i "
        "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = :column "
        "JOIN LATERAL unnest(i.indkey, i.indclass) AS k(attnum, opclass) ON k.attnum = a.attnum "
        "JOIN pg_opclass o ON o.oid = k.opclass "
        "WHERE i.indrelid = CAST(:table AS regclass) AND i.indisvalid AND i.indpred IS NULL "
        "AND o.opcname IN ('gin_trgm_ops', 'gist_trgm_ops') LIMIT 1"
    )
    table = engine.dialect.identifier_preparer.format_table(column.table)
    with engine.connect() as connection:
        found = connection.scalar(statement, {"column": column.name, "table": table})
    return found is not None
