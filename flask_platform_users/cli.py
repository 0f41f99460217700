"""``flask platform-users …``: what is done without a person at the page."""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import click
from flask import current_app
from flask.cli import AppGroup

from .audit import Entry
from .doctor import doctor
from .inspection import clause, parse_key, python_type
from .settle import SETTLERS, Due, ended_grace, settle
from .suggest import suggest

if TYPE_CHECKING:
    from .extension import PlatformUsers

commands = AppGroup("platform-users", help="Look after the users of all platforms.")
commands.add_command(suggest)
commands.add_command(doctor)

mount_option = click.option("--mount", metavar="NAME", help="Which mount, where there are several.")
platform_option = click.option("--platform", metavar="KEY", help="Only this platform.")


@commands.command()
@mount_option
@platform_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(mount: str | None, platform: str | None, yes: bool) -> None:
    """Delete users for good whose time to be restored has ended."""
    extension = mounted(mount)
    only = None if platform is None else platform_key(extension, platform)
    due = [
        item
        for item in ended_grace(extension, datetime.now(UTC))
        if only is None or item.platform == only
    ]
    if due and not yes:
        click.confirm(f"Delete {_users(len(due))} for good?", abort=True)
    _settle(extension, due, "Deleted {users} for good.")


@commands.command()
@mount_option
def tick(mount: str | None) -> None:
    """Settle what has ended by itself, such as blocks until a moment. Run it every few minutes."""
    extension, now = mounted(mount), datetime.now(UTC)
    due = [item for settler in SETTLERS for item in settler(extension, now)]
    resumed = extension.resume_jobs()
    if resumed:
        click.echo(f"Went on with {resumed:,} job{'' if resumed == 1 else 's'}.")
    ended = extension.end_impersonations()
    if ended:
        click.echo(f"Ended {ended:,} impersonation{'' if ended == 1 else 's'} whose time was over.")
    _settle(extension, due, "Settled what had ended for {users}.")


@commands.group()
def audit() -> None:
    """Check the history, note where it stands, forget what it tells of a person."""


@audit.command()
@mount_option
@platform_option
@click.option(
    "--anchor",
    "anchors",
    type=click.File(),
    help="Compare with what “audit anchor” wrote: it shows an end that was cut off.",
)
def verify(mount: str | None, platform: str | None, anchors: TextIO | None) -> None:
    """Read the whole history and name the first bad entry of each platform."""
    extension = mounted(mount)
    noted = {} if anchors is None else _noted(extension, anchors)
    known = extension.platforms()
    platforms = [*known, *(key for key in noted if key not in known)]
    if platform is not None:
        platforms = [platform_key(extension, platform)]
    bad = 0
    for key in platforms:
        chain = extension.chain(key)
        fault = chain.verify(noted.get(key))
        if fault is None:
            click.echo(f"Platform {key}: {chain.head()[0]:,} entries, as they were written.")
        else:
            bad += 1
            click.echo(f"Platform {key}: entry {fault.seq} is bad. {fault.why}", err=True)
    if bad:
        sys.exit(1)


@audit.command()
@mount_option
@click.argument("file", type=click.File("w", atomic=True))
def anchor(mount: str | None, file: TextIO) -> None:
    """Write to FILE where each platform's history stands. Keep it away from the database."""
    extension = mounted(mount)
    for key in extension.platforms():
        seq, mac = extension.chain(key).head()
        line = {"mount": extension.name, "platform": str(key), "seq": seq, "mac": mac}
        file.write(json.dumps(line) + "\n")


@audit.command()
@mount_option
@click.option("--platform", metavar="KEY", required=True, help="The platform of the user.")
@click.argument("user_key")
def erase(mount: str | None, platform: str, user_key: str) -> None:
    """Forget names, reasons and addresses of all that was done to a user. It cannot be undone."""
    extension = mounted(mount)
    key = platform_key(extension, platform)
    user = extension.directory(key).parse(user_key)
    if user is None:
        raise click.UsageError(f"{user_key} is not a key of a user.")
    chain = extension.chain(key)
    chain.lock()
    erased = chain.erase(user)
    if erased:
        chain.append(Entry(action="erase_history", user_key=user), datetime.now(UTC))
    extension.db.session.commit()
    click.echo(f"Erased from {erased:,} entr{'y' if erased == 1 else 'ies'}.")


def mounted(name: str | None) -> "PlatformUsers":
    """Return the mount of that name, or the only one."""
    mounts: dict[str, PlatformUsers] = current_app.extensions.get("platform_users", {})
    if not mounts:
        raise click.UsageError("The page is not mounted on this app; call init_app(app) first.")
    if name is None and len(mounts) == 1:
        return next(iter(mounts.values()))
    if name not in mounts:
        raise click.UsageError(f"Say which mount: --mount {' or --mount '.join(mounts)}.")
    return mounts[name]


def platform_key(extension: "PlatformUsers", text: str) -> Any:
    """Return the key of a platform from its text."""
    key = parse_key(text, python_type(clause(extension.mapping.users.platform)))
    if key is None:
        raise click.UsageError(f"--platform {text} is not a key of a platform.")
    return key


def _noted(extension: "PlatformUsers", file: TextIO) -> dict[Any, tuple[int, str]]:
    """Return where each platform's history stood when an anchor was written."""
    noted: dict[Any, tuple[int, str]] = {}
    for number, text in enumerate(file, start=1):
        try:
            line = json.loads(text)
            if line["mount"] == extension.name:
                bytes.fromhex(line["mac"])
                key = platform_key(extension, line["platform"])
                noted[key] = (int(line["seq"]), line["mac"])
        except (ValueError, KeyError, TypeError) as error:
            raise click.UsageError(f"Line {number} of the anchor cannot be read.") from error
    return noted


def _settle(extension: "PlatformUsers", due: Iterable[Due], sentence: str) -> None:
    done, failed = 0, 0
    for settled in settle(extension, due):
        done += settled.done
        if settled.why_not is not None:
            failed += 1
            item = settled.due
            click.echo(
                f"User {item.user_key} of platform {item.platform}: {settled.why_not}", err=True
            )
    click.echo(sentence.format(users=_users(done)))
    if failed:
        click.echo(f"{_users(failed)} failed.", err=True)
        sys.exit(1)


def _users(number: int) -> str:
    return f"{number:,} user{'' if number == 1 else 's'}"
