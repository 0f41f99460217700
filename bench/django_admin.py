"""Django's admin over the users of one platform.

Set up as its documentation tells: the platform in `get_queryset`, search by `search_fields`, the
full count shown as by default. The channels of the 25 users come by `prefetch_related`, one more
statement, and are counted in `list_display` methods. Annotating the list with `Count` would join
and group all users of the platform to show 25 of them, two seconds a query here, so it is not what
is compared.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django
import sqlalchemy as sa
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from werkzeug.test import Client

from .contestant import Case, Contestant, Statements
from .schema import URL


@contextmanager
def django_statements() -> Iterator[Statements]:
    """Count the statements that Django executes."""
    from django.db import connection

    counted = Statements()

    def count(execute: Any, *arguments: Any) -> Any:
        counted.number += 1
        return execute(*arguments)

    with connection.execute_wrapper(count):
        yield counted


def create_app() -> Any:
    """Create the WSGI app, and Django's own tables if they are missing."""
    from .django_site.settings import SCHEMA

    engine = sa.create_engine(URL)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    engine.dispose()
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.django_site.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    return get_wsgi_application()


def signed_in(app: Any) -> Client:
    """Return a client with the session of a superuser."""
    from django.contrib.auth import get_user_model
    from django.test import Client as DjangoClient

    people = get_user_model().objects
    owner = people.filter(username="owner").first() or people.create_superuser("owner")
    session = DjangoClient()
    session.force_login(owner)
    client = Client(app)
    client.set_cookie("sessionid", session.cookies["sessionid"].value)
    return client


def contestant(pages_deep: int) -> Contestant:
    """Return the admin, signed in."""
    page = "/admin/django_site/user/"
    return Contestant(
        name="Django admin",
        client=signed_in(create_app()),
        urls={
            Case.FIRST: page,
            Case.DEEP: f"{page}?p={pages_deep + 1}",  # counts from one
            Case.COMMON: f"{page}?q={Case.COMMON.term}",
            Case.RARE: f"{page}?q={Case.RARE.term}",
        },
        statements=django_statements,
    )
