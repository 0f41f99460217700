"""Settle what has ended by itself, as the system."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from ..settle import SETTLERS, Due, ended_grace, settle
from .mounts import mount_option, mounted, platform_key, platform_option
from .output import say, users_said

if TYPE_CHECKING:
    from ..extension import PlatformUsers


@click.command()
@mount_option
@platform_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
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
        click.confirm(f"Delete {users_said(len(due))} for good?", abort=True)
    _settle(extension, due, "Deleted {users} for good.")


@click.command()
@mount_option
@with_appcontext
def tick(mount: str | None) -> None:
    """Settle what has ended by itself, such as blocks until a moment. Run it every few minutes."""
    extension, now = mounted(mount), datetime.now(UTC)
    due = [item for settler in SETTLERS for item in settler(extension, now)]
    resumed = extension.resume_jobs()
    if resumed:
        say(f"Went on with {resumed:,} job{'' if resumed == 1 else 's'}.")
    forgotten = extension.forget_abandoned_jobs()
    if forgotten:
        say(f"Forgot {forgotten:,} choice{'' if forgotten == 1 else 's'} that nobody went on with.")
    ended = extension.end_impersonations()
    if ended:
        say(f"Ended {ended:,} impersonation{'' if ended == 1 else 's'} whose time was over.")
    _settle(extension, due, "Settled what had ended for {users}.")


def _settle(extension: "PlatformUsers", due: Iterable[Due], sentence: str) -> None:
    done, failed = 0, 0
    for settled in settle(extension, due):
        done += settled.done
        if settled.why_not is not None:
            failed += 1
            item = settled.due
            say(f"User {item.user_key} of platform {item.platform}: {settled.why_not}", err=True)
    say(sentence.format(users=users_said(done)))
    if failed:
        say(f"{users_said(failed)} failed.", err=True)
        sys.exit(1)
