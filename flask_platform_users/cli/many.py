"""Do one action to many users from the terminal: it is tried, shown, asked for, and done."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from ..actions import Action
from ..actions.deletion import DeleteForm, one_line
from ..api.schemas import OrderedSchema
from ..bulk import Bulk
from ..choosing import LARGEST
from ..directory import ListQuery
from ..errors import InvalidError, RefusedError
from ..formatting import number
from ..job_records import OPEN, TOGETHER, Job
from ..jobs import Progress
from ..listing import filters_of, list_schema
from .desk import Desk
from .filling import action_named, faults, fill_in, impact_line
from .output import NotDone, plain, say, say_json, users_said
from .users import loaded

LEFT_OUT = 3
"""The exit code where it was done, but some of many users were left out."""


REASONS = 10
"""So many reasons are told at once."""

WOULD = {"done": "would change", "unchanged": "would stay", "left": "would be left out"}
DID = {"done": "changed", "unchanged": "were so already", "left": "left out"}
"""What becomes of users, in words."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Whom something is done to: all whom a filter lets through, or those of some keys."""

    query: ListQuery | None
    keys: Sequence[str]


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose many users."""
    for decorate in (
        click.option("--each", is_flag=True, help="Leave out those whom it cannot be done to."),
        click.option(
            "--keys",
            metavar="FILE",
            type=click.Path(exists=True, dir_okay=False, allow_dash=True),
            help="The users whose keys stand in FILE, one a line; - reads them from the input.",
        ),
        click.option("--all", "everybody", is_flag=True, help="All users of the platform."),
        click.option("--search", metavar="TEXT", help="Those whose name has this in it."),
        click.option(
            "--where",
            metavar="NAME=VALUE",
            multiple=True,
            help="Those of a status, role, channel or any other filter of the list; give it once "
            "for each.",
        ),
    ):
        command = decorate(command)
    return command


def choice_of(
    desk: Desk, *, where: Sequence[str], search: str | None, everybody: bool, keys: str | None
) -> Choice | None:
    """Return whom the options choose; None if they choose nobody."""
    narrows = bool(where) or search is not None
    if narrows + everybody + (keys is not None) > 1:
        raise click.UsageError("Choose by --where and --search, or by --keys, or by --all.")
    if keys is not None:
        return Choice(query=None, keys=_read(keys))
    if not narrows and not everybody:
        return None
    asked: dict[str, str | None] = {"q": search}
    mapping, deleted = desk.extension.mapping, desk.sees_deleted
    filters = filters_of(mapping, deleted=deleted)
    for text in where:
        name, _, value = text.partition("=")
        if name not in filters or name in asked:
            known = ", ".join(f"{each}=VALUE" for each in filters)
            raise click.UsageError(f"--where {text} cannot be read; once each it takes {known}.")
        asked[name] = value
    said = {name: f"where {name}" for name in filters} | {"q": "search"}
    schema = list_schema(mapping, deleted=deleted, zone=desk.zone)
    blank = [name for name, text in asked.items() if text is not None and not text.strip()]
    if blank:
        raise click.UsageError(f"--{said[blank[0]]} says nothing; --all chooses everybody.")
    return Choice(query=loaded(schema, asked, said)["query"], keys=())


def _read(path: str) -> list[str]:
    with click.open_file(path, encoding="utf-8", errors="replace") as file:
        keys = list(dict.fromkeys(filter(None, map(str.strip, file))))
    if len(keys) > LARGEST:
        raise click.UsageError(f"--keys names {len(keys):,} users; at most {LARGEST:,} can be.")
    return keys


def run_many(
    desk: Desk,
    name: str,
    choice: Choice,
    fields: Mapping[str, str],
    *,
    each: bool,
    yes: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Try an action on many users, show what it means, ask, and do it.

    Args:
        desk: who does it.
        name: the action's name.
        choice: the users, who are fixed at once.
        fields: the fields of its form, as they would be typed; the others stay as the form opens.
        each: leave out those whom it cannot be done to; otherwise all are done or nobody.
        yes: do not ask.
        dry_run: stop before it is done, and keep it: ``jobs resume`` does exactly that.
        json: print one object; what it means then goes to stderr.
    """
    action, bulk = action_named(desk, name), desk.bulk
    if not action.for_many:
        known = ", ".join(sorted(a.name for a in desk.actions.values() if a.for_many))
        raise click.UsageError(f"“{action.label}” is done to one user at a time; not so {known}.")
    bulk.require(action)

    def choose(job: Job) -> None:
        if choice.query is not None:
            bulk.choose_all(job, choice.query)
            return
        bulk.choose(job, choice.keys)
        unknown = bulk.unknown(job, choice.keys)
        if unknown and not each:
            raise RefusedError(f"{_nobody(unknown)} Nothing was done. --each leaves them out.")

    try:
        job = bulk.order(
            action,
            choose,
            lambda form: fill_in(action, form, fields)[0],
            mode="each" if each else "together",
            dry_run=True,
        )
    except InvalidError as error:
        raise NotDone(faults(error.form)) from error
    except RefusedError as error:
        if not dry_run:
            bulk.record_refusal(action, error.sentence)
        raise
    unknown = bulk.unknown(job, choice.keys)
    if unknown:
        say(_nobody(unknown), err=True)
    carry_out(desk, job, action, yes=yes, dry_run=dry_run, json=json, unknown=unknown)


def carry_out(
    desk: Desk,
    job: Job,
    action: Action,
    *,
    yes: bool,
    dry_run: bool,
    json: bool,
    unknown: Sequence[str] = (),
) -> None:
    """Try a job, show what it means, ask, and do it; it ends as ``tell_end`` says.

    Args:
        desk: who does it.
        job: what nothing was done of yet.
        action: what it does.
        yes: do not ask.
        dry_run: stop before it is done.
        json: print one object; what it means then goes to stderr.
        unknown: keys that are of nobody, and so were left out.
    """
    bulk = desk.bulk
    if job.state == "checking":
        job = worked(bulk, job, "Finding out what would happen")
    if job.state != "ready":
        raise NotDone(f"Job {job.id} is tried by somebody else just now.")
    expected = bulk.jobs.outcomes(job, "expected")
    say_trial(desk, job, str(action.label), expected, err=json)
    if dry_run:
        if json:
            say_ordered(bulk, job, unknown)
        else:
            say(f"Nothing was done. “jobs resume {job.id}” does exactly this, within a day.")
        return
    left = expected["left"]
    if not expected["done"] or (left and job.together):
        bulk.cancel(job)
        if left:
            sentence = f"It cannot be done to {users_said(left)}. Nothing was done."
            bulk.record_refusal(action, sentence)
            raise NotDone(f"{sentence} --each leaves them out." if expected["done"] else sentence)
        say("There was nothing to do.", err=json)
        if json:
            say_ordered(bulk, job, unknown)
        return
    if not yes:
        try:
            ask(desk, job, action, expected["done"], err=json)
        except (click.Abort, NotDone):
            bulk.cancel(job)
            raise
    job = worked(bulk, bulk.confirm(job), str(action.label))
    tell_end(desk, job, json=json, unknown=unknown, shown=expected)


def say_trial(
    desk: Desk,
    job: Job,
    label: str,
    outcomes: Mapping[str, int],
    *,
    trial: bool = True,
    err: bool = False,
) -> None:
    """Say what a job would do, or did."""
    first, *more = job.chosen.splitlines() or [""]
    say(f"{label}: {users_said(job.total)}. {desk.words(first)}.", err=err)
    for line in more:
        say(f"  {desk.words(line)}", err=err)
    say(f"  {_counted(outcomes, WOULD if trial else DID)}", err=err)
    say_reasons(desk, job, outcomes["left"], err=err)
    for impact in job.impact:
        say(f"  {desk.words(impact_line(impact))}", err=err)


def say_reasons(desk: Desk, job: Job, left: int, *, err: bool = False) -> None:
    """Say why users are left out, the commonest reasons first."""
    for why, users in desk.bulk.jobs.reasons(job, limit=REASONS):
        say(f"  {desk.words(why)} ({users_said(users)})", err=err)
        left -= users
    if left > 0:
        say(
            f"  and {users_said(left)} more, each with the reason in “jobs users {job.id}”", err=err
        )


def ask(desk: Desk, job: Job, action: Action, users: int, *, err: bool) -> None:
    """Ask whether it is to be done; a deletion has to be typed."""
    if action.form is None or not issubclass(action.form, DeleteForm):
        desk.bulk.session.rollback()  # nothing is held while somebody thinks
        click.confirm(f"{action.label}: {users_said(users)}?", abort=True, err=err)
        return
    form = desk.bulk.form(job, action)
    desk.bulk.session.rollback()
    if one_line(click.prompt(plain(str(form.confirm.label.text)), err=err)) != form.expected:
        raise NotDone(f"This is not “{form.expected}”. Nothing was done.")


def tell_end(
    desk: Desk,
    job: Job,
    *,
    json: bool,
    unknown: Sequence[str] = (),
    shown: Mapping[str, int] | None = None,
) -> None:
    """Say what became of a job, and exit with what a script can trust.

    With 0 if it was done to all or nothing was to do, ``LEFT_OUT`` if some were left out, 1 if it
    stopped, was cancelled or is not over.

    Args:
        desk: who asks.
        job: the job.
        json: print one object.
        unknown: keys that are of nobody, and so were left out.
        shown: what was said before of how it would end; if it did, the reasons are not said again.
    """
    bulk = desk.bulk
    outcomes = bulk.jobs.outcomes(job)
    if json:
        say_ordered(bulk, job, unknown)
    if not job.over:
        raise NotDone(f"Job {job.id} goes on elsewhere: see “jobs show {job.id} --wait”.")
    if not json:
        say(f"Job {job.id}: {_counted(outcomes, DID)}.")
        if outcomes != shown:
            say_reasons(desk, job, outcomes["left"])
    if job.state != "done":
        left = f" Nothing was done to {users_said(job.left)}." if job.left else ""
        raise NotDone(f"{desk.words(job.why)}{left}")
    if outcomes["left"] or unknown:
        sys.exit(LEFT_OUT)


def worked(bulk: Bulk, job: Job, label: str) -> Job:
    """Try or do a job here and now; whoever interrupts it cancels it."""
    try:
        with progress(job, label) as told:
            return bulk.work(job, told)
    except KeyboardInterrupt:
        bulk.session.rollback()
        left = bulk.cancel(job)
        raise NotDone(
            "Nothing was done."
            if left is None
            else f"Job {job.id} is stopped; what was done stays done."
        ) from None


@contextmanager
def progress(job: Job, label: str) -> Iterator[Progress]:
    """Show on stderr how far a job is, if it is a long one."""
    if job.total <= TOGETHER:
        yield lambda _: None
        return
    length = job.total if job.state in OPEN else job.left
    label = f"{label}: {users_said(length)}"
    bar: Any = click.progressbar(length=length, label=label, file=sys.stderr)
    with bar:
        yield bar.update


def say_ordered(bulk: Bulk, job: Job, unknown: Sequence[str]) -> None:
    """Print a job as the API tells it."""
    say_json(OrderedSchema().dump(bulk.report(job) | {"unknown": unknown}))


def _counted(outcomes: Mapping[str, int], words: Mapping[str, str]) -> str:
    told = [f"{number(outcomes[name])} {said}" for name, said in words.items() if outcomes[name]]
    return ", ".join(told) or "nobody was changed"


def _nobody(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 3:,} more" if len(keys) > 3 else ""
    return f"There is no user {', '.join(f'“{key}”' for key in keys[:3])}{more} on this platform."
