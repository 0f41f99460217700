"""``run ACTION``: any action, on one user or on many."""

from collections.abc import Iterable
from typing import Any

import click

from .desk import Desk
from .many import choice_of, choosing, run_many
from .running import ordering, perform


@click.command()
@click.argument("action")
@click.argument("user", required=False)
@click.option(
    "--field",
    "fields",
    metavar="NAME=VALUE",
    multiple=True,
    help="A field of the action's form; give it once for each.",
)
@choosing
@ordering
def run(
    desk: Desk,
    action: str,
    user: str | None,
    fields: Iterable[str],
    *,
    where: tuple[str, ...],
    search: str | None,
    everybody: bool,
    keys: str | None,
    each: bool,
    yes: bool,
    **rest: Any,
) -> None:
    """Run ACTION on USER, or on many: any that the page offers, the product's own too.

    USER is a key, or exactly a username or an email address. Many are chosen by --where and
    --search, by --keys or by --all. It is tried first, then shown, asked for, and done to all or
    nobody; or, with --each and for more than 200, to each on its own. Exits with 3 if some were
    left out.
    """
    pairs = [field.partition("=") for field in fields]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise click.UsageError(f"--field {wrong[0]} has no value; write --field {wrong[0]}=VALUE.")
    typed = {name: value for name, _, value in pairs}
    choice = choice_of(desk, where=where, search=search, everybody=everybody, keys=keys)
    if (user is None) == (choice is None):
        raise click.UsageError("Name one USER, or choose many by --where, --search, --keys, --all.")
    if choice is not None:
        if keys == "-" and not yes and not rest["dry_run"]:
            raise click.UsageError("--keys - leaves nobody to answer; add --yes or --dry-run.")
        run_many(desk, action, choice, typed, each=each, yes=yes, **rest)
        return
    if each:
        raise click.UsageError("--each is about many users.")
    perform(desk, action, str(user), typed, yes=yes, **rest)
