"""Fill the bench database: one platform of a million users, and twenty of five thousand.

Nothing is random, so every machine measures the same rows. The small platforms come after the big
one: the newest primary keys belong to others, as they do in a real multi-tenant table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.schema import AddConstraint, CreateTable

from .schema import KINDS, PLATFORM_ID, URL, tables

BIG, SMALL, SMALL_PLATFORMS = 1_000_000, 5_000, 20
COMMON, RARE = "maria", "yamaguchi"
RARE_MATCHES = 30

FIRST_NAMES = """
abena adam agnes ahmed aiko akua alice amara amelie amir ana anders andrea anika anton ariel
arthur asha astrid aurora ayse beatriz benjamin bianca bilal bruno camila carlos carmen cecilia
chiara chidi clara daniel david diego dimitri edith eduardo elena elif emeka emma enzo erik esther
eva farah fatima felipe felix femi fiona francesca gabriel giulia grace gustav hana hannah hassan
helena henrik hugo ibrahim ines ingrid irene isabel ivan jakob jana javier joana johan jonas jose
julia kaito karim katrin kofi kwame lara larissa leila leon lina linh lucas lucia luis luna magnus
malik maria marta mateo matilda mehmet mei mikael mina miguel nadia naomi nicolas nina noah nora
olga oliver omar oscar otto pablo paula pedro petra priya rafael rahul renata rosa ruth samir
"""
LAST_NAMES = """
abreu acosta adeyemi ahlberg almeida alvarez andersson arslan bakker barbosa bauer becker berg
bianchi blanco borges brandt cardoso carvalho castro chen conti correia costa cruz dahl demir
duarte dubois eriksson esposito evans farias fernandes ferreira fischer fonseca fontana garcia
gomes gonzalez greco gupta haddad hansen herrera hoffmann huang ito jansen jensen kaya keller khan
kim kobayashi koch kowalski kumar lange larsen leroy lima lindberg lopes lund machado mancini
martin medina mendes mensah meyer moreau moreira moreno moretti mueller nakamura nascimento
navarro ndiaye nguyen nielsen novak nunes okafor okoye oliveira olsen ortega ozturk park patel
pereira petersen pinto popov prado queiroz ramos reyes ribeiro ricci richter rocha rojas romano
rossi roux sahin saito santos sato schmidt schneider schulz serrano shah silva singh soares sousa
suzuki tanaka tavares torres tran vargas vasquez vieira vogel wagner weber wolf yamamoto yilmaz
"""
STATUSES = "active " * 7 + "pending inactive blocked"
DOMAINS = "mail.example inbox.example post.example studio.example shop.example acme.example"

# h(salt) is a multiplicative hash of the row's number i; salts keep the columns independent.
USERS = """
WITH numbered AS (
    SELECT i, :first_user + i AS n,
           pick(:firsts, h(:first_user + i, 7)) AS first,
           CASE WHEN i % :rare_every = :rare_every / 2 THEN :rare
                ELSE pick(:lasts, h(:first_user + i, 11)) END AS last,
           timestamptz '2023-01-01 00:00+00' + i * interval '1000 days' / :users
               + h(i, 13) % 3600 * interval '1 second' AS created
    FROM generate_series(1, :users) AS i
)
INSERT INTO users (platform_id, username, email, phone, role, status, created_at, last_login_at)
SELECT :platform,
       first || '_' || last || n % 997,
       first || '.' || last || n || '@' || pick(:domains, h(n, 17)),
       '+55' || 11900000000 + h(n, 19) % 100000000,
       CASE WHEN i = 1 THEN 'owner' WHEN h(n, 23) % 20 = 0 THEN 'admin' ELSE 'member' END,
       pick(:statuses, h(n, 29)),
       created,
       CASE WHEN h(n, 31) % 10 >= 3
            THEN created + (timestamptz '2025-12-31 00:00+00' - created) * (h(n, 37) % 1000) / 1000
            END
FROM numbered ORDER BY i
"""

# Nought to four channels each, 1.7 on average.
CHANNELS = """
INSERT INTO channels (user_id, platform_id, kind)
SELECT users.id, platform_id, pick(:kinds, h(users.id * 4 + k, 41))
FROM users
CROSS JOIN LATERAL generate_series(1, (ARRAY[0, 0, 1, 1, 1, 2, 2, 3, 3, 4])[1 + users.id * 7 % 10])
     AS k
ORDER BY users.id, k
"""

HASH = """
CREATE FUNCTION h(n bigint, salt bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT (((n * 2654435761 + salt * 40503) % 4294967296) * (2 * salt + 1) % 4294967291) >> 9 $$
"""
PICK = """
CREATE FUNCTION pick(words text[], n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT words[1 + n % cardinality(words)] $$
"""


@dataclass(frozen=True)
class Size:
    """How many rows to seed: the full million users at a scale of 1."""

    scale: float

    @property
    def big(self) -> int:
        """Users of the platform that is measured."""
        return int(BIG * self.scale)

    @property
    def small(self) -> int:
        """Users of each of the other platforms."""
        return int(SMALL * self.scale)

    @property
    def users(self) -> int:
        """Users of all platforms."""
        return self.big + self.small * SMALL_PLATFORMS


def prepare(size: Size, *, reseed: bool = False) -> None:
    """Make sure that the database exists and holds exactly the rows of ``size``.

    Raises:
        SystemExit: it holds other rows, and ``reseed`` does not say to drop it.
    """
    if reseed:
        drop()
    with _server() as connection:
        exists = sa.text("SELECT 1 FROM pg_database WHERE datname = :name")
        if not connection.scalar(exists, {"name": URL.database}):
            connection.exec_driver_sql(f"CREATE DATABASE {_name(connection)}")
    users = _users()
    if users is None:
        _seed(size)
    elif users != size.users:
        raise SystemExit(
            f"The database {URL.database} holds {users:,} users, not the {size.users:,} of this "
            "scale; add --reseed to drop it and seed it anew."
        )


def drop() -> None:
    """Drop the database."""
    with _server() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_name(connection)} WITH (FORCE)")


@contextmanager
def _server() -> Iterator[sa.Connection]:
    engine = sa.create_engine(
        URL.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        yield connection


def _name(connection: sa.Connection) -> str:
    return connection.dialect.identifier_preparer.quote(URL.database or "")


def _users() -> int | None:
    """Count the users of the database; None if it is empty."""
    engine = sa.create_engine(URL)
    try:
        if not sa.inspect(engine).has_table("users"):
            return None
        with engine.connect() as connection:
            return int(connection.execute(sa.text("SELECT count(*) FROM users")).scalar_one())
    finally:
        engine.dispose()


def _seed(size: Size) -> None:
    """Fill an empty database in one transaction, so that it is either seeded or empty."""
    engine = sa.create_engine(URL)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        connection.exec_driver_sql("SET maintenance_work_mem = '512MB'")
        for function in (HASH, PICK):
            connection.execute(sa.text(function))
        for table in tables:
            connection.execute(CreateTable(table, include_foreign_key_constraints=[]))
        _insert(connection, size)
        for table in tables:
            for key in table.foreign_key_constraints:
                connection.execute(AddConstraint(key))
            for index in table.indexes:
                index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("CHECKPOINT")
    engine.dispose()


def _insert(connection: sa.Connection, size: Size) -> None:
    connection.exec_driver_sql(
        "INSERT INTO platforms (name)"
        f" SELECT 'Platform ' || i FROM generate_series(1, {SMALL_PLATFORMS + 1}) AS i"
    )
    names = {
        "firsts": FIRST_NAMES.split(),
        "lasts": LAST_NAMES.split(),
        "domains": DOMAINS.split(),
        "statuses": STATUSES.split(),
        "rare": RARE,
        "rare_every": size.big // RARE_MATCHES,
    }
    for i in range(SMALL_PLATFORMS + 1):
        users = size.small if i else size.big
        first_user = size.big + size.small * (i - 1) if i else 0
        connection.execute(
            sa.text(USERS),
            names | {"platform": PLATFORM_ID + i, "users": users, "first_user": first_user},
        )
    connection.execute(sa.text(CHANNELS), {"kinds": [*KINDS, *KINDS[:2], KINDS[0]]})
