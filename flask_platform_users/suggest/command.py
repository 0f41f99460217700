"""The command itself: find the model, print the suggestion."""

import importlib
from typing import Any

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapper

from .assembling import Suggestion


@click.command()
@click.argument("model")
@with_appcontext
def suggest(model: str) -> None:
    """Print a mapping of MODEL, your user model, guessed from your models and data.

    MODEL is where it is imported from, such as shop.models:User, or the name of a class of your
    Flask-SQLAlchemy models. The plugin need not be mounted. Nothing is written.
    """
    db: SQLAlchemy | None = current_app.extensions.get("sqlalchemy")
    if db is None:
        raise click.UsageError("This app has no Flask-SQLAlchemy; call db.init_app(app) first.")
    click.echo(Suggestion.of(db, _model(db, model)).source(), nl=False)


def _model(db: SQLAlchemy, path: str) -> type[Any]:
    """Return the mapped class that a path or a name stands for."""
    module, colon, name = path.partition(":")
    if colon:
        return _imported(module, name)
    registry: Any = db.Model.registry  # type: ignore[attr-defined]
    mappers: list[Mapper[Any]] = [
        mapper for mapper in registry.mappers if mapper.class_.__name__ == path
    ]
    if len(mappers) == 1:
        return mappers[0].class_
    if mappers:
        paths = sorted(f"{m.class_.__module__}:{m.class_.__qualname__}" for m in mappers)
        raise click.UsageError(f"There are several models named {path}: {', '.join(paths)}.")
    raise click.UsageError(
        f"No model of this app's Flask-SQLAlchemy is named {path}. Say where it is imported from, "
        "such as shop.models:User."
    )


def _imported(module: str, name: str) -> type[Any]:
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(f"{module}:{name} cannot be imported: {error}.") from error
    if not isinstance(found, type) or not isinstance(sa.inspect(found, raiseerr=False), Mapper):
        raise click.UsageError(f"{module}:{name} is not a mapped class.")
    return found
