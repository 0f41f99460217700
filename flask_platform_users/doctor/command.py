"""The command itself: run all checks, print what they found."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from .finding import Check, Finding
from .indexes import count_indexes, list_indexes, search_indexes
from .layout import layout
from .moments import clock, zone
from .signing import signed_out
from .status import status
from .surroundings import content_policy, cookies, impersonation, login, proxies, translations
from .tables import tables, triggers

if TYPE_CHECKING:
    from ..extension import PlatformUsers

CHECKS: dict[str, Check] = {
    "tables": tables,
    "triggers": triggers,
    "status": status,
    "list": list_indexes,
    "counts": count_indexes,
    "search": search_indexes,
    "clock": clock,
    "time zone": zone,
    "layout": layout,
    "login": login,
    "signed out": signed_out,
    "impersonation": impersonation,
    "cookies": cookies,
    "content policy": content_policy,
    "proxies": proxies,
    "translations": translations,
}
"""Every check by the name that the output has for it, in its order."""


@click.command()
@click.option("--mount", metavar="NAME", help="Only this mount.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@with_appcontext
def doctor(mount: str | None, as_json: bool) -> None:
    """Check that the page has what it needs here: database, login, cookies, headers, clocks.

    Exits with 1 if there is a fault, with 0 if there are warnings only or nothing at all, and with
    2 if the page is not mounted. Nothing is written.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    mounts: dict[str, PlatformUsers] = app.extensions.get("platform_users", {})
    if not mounts or (mount is not None and mount not in mounts):
        known = f"one of {', '.join(mounts)}" if mounts else "none: call init_app(app) first"
        raise click.UsageError(f"There is no such mount on this app; there is {known}.")
    chosen = [extension for name, extension in mounts.items() if mount in (None, name)]
    found = [
        (extension.name, check, finding)
        for extension in chosen
        for check, finding in examine(extension, app)
    ]
    levels = [finding.level for _, _, finding in found]
    faults, warnings = levels.count("fault"), levels.count("warning")
    if as_json:
        lines = [{"mount": name, "check": check, **vars(one)} for name, check, one in found]
        click.echo(json.dumps({"faults": faults, "warnings": warnings, "findings": lines}))
    else:
        for name, check, finding in found:
            for line in _lines(check if len(chosen) == 1 else f"{name}: {check}", finding):
                click.echo(line)
        click.echo(f"{_number(faults, 'fault')}, {_number(warnings, 'warning')}.")
    if faults:
        sys.exit(1)


def examine(extension: "PlatformUsers", app: Flask) -> Iterator[tuple[str, Finding]]:
    """Make every check of one mount, inside the app's context."""
    for name, check in CHECKS.items():
        try:
            yield from ((name, finding) for finding in check(extension, app))
        except SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).splitlines()
            yield (
                name,
                Finding(
                    "fault",
                    f"The database refused this check: {said[0] if said else error!r}",
                    "See that it runs, and that the app may read its own tables.",
                ),
            )


def _lines(check: str, finding: Finding) -> Iterator[str]:
    yield f"{finding.level:<8} {check}: {finding.says}"
    if finding.remedy:
        yield f"         → {finding.remedy}"
    yield from (f"           {statement};" for statement in finding.sql)


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
