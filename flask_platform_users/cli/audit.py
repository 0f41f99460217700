"""Check the history, note where it stands, send it on, forget what it tells of a person."""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import click
from flask.cli import AppGroup

from ..audit import Entry
from ..export import EXPORT, HISTORY, apart, record_export
from ..history import History, HistoryQuery
from .desk import ADDRESS, Desk, at_desk
from .mounts import mount_option, mounted, platform_key, platform_option
from .output import say

if TYPE_CHECKING:
    from ..extension import PlatformUsers

audit = AppGroup("audit", help=__doc__)


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
            say(f"Platform {key}: {chain.head()[0]:,} entries, as they were written.")
        else:
            bad += 1
            say(f"Platform {key}: entry {fault.seq} is bad. {fault.why}", err=True)
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
    say(f"Erased from {erased:,} entr{'y' if erased == 1 else 'ies'}.")


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


@audit.command()
@click.argument("file", type=click.File("w", atomic=True), default="-")
@at_desk
def export(desk: Desk, file: TextIO) -> None:
    """Write the history of the platform to FILE, as CSV. The history notes that it was done."""
    desk.require(EXPORT)
    history = History(desk.directory)
    query = history.as_it_stands(HistoryQuery())
    rows = history.matches(query)
    record_export(desk.pipeline, HISTORY, rows=rows, filters=(), address=ADDRESS)
    with apart(desk.directory) as directory:
        for text in History(directory).csv(query):
            file.write(text)
    say(f"Wrote {rows:,} entr{'y' if rows == 1 else 'ies'}.", err=True)
