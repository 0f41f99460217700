"""What was done to many users: how far it is, what became of each, and taking things back."""

import time
from collections.abc import Iterator
from itertools import islice

import click
from flask.cli import AppGroup

from ..actions import Action, Many
from ..api.schemas import JobRowSchema, JobSchema, JobUserSchema
from ..errors import RefusedError
from ..formatting import in_zone, number
from ..history import Event, History
from ..job_records import OPEN, WORKING, Job
from ..wording import JOB_STATES
from .desk import Desk, at_desk
from .many import carry_out, progress, say_trial, tell_end, worked
from .output import NotDone, say, say_json, say_table
from .running import act, ordering
from .users import json_option, limit_option, lines_option

EVERY = 1.0
"""After so many seconds ``jobs show --wait`` looks again."""

jobs = AppGroup("jobs", help=__doc__)

job_argument = click.argument("job_id", metavar="JOB")


@jobs.command("list")
@limit_option
@lines_option
@at_desk
def list_jobs(desk: Desk, limit: int, json: bool) -> None:
    """List the jobs of the platform, the latest first."""
    found = islice(_latest(desk), limit) if limit else _latest(desk)
    if json:
        for job in found:
            say_json(JobRowSchema().dump(job))
        return
    rows = [
        [job.id, _label(desk, job), str(JOB_STATES[job.state][1]), _came_to(job), job.actor_name]
        for job in found
    ]
    say_table(["Job", "Action", "State", "Users", "By"], rows)
    if len(rows) == limit:
        say("There may be more: --limit 0 lists all of them.", err=True)


@jobs.command("show")
@job_argument
@click.option("--wait", is_flag=True, help="Wait until it is over, and end as it ended.")
@json_option
@at_desk
def show_job(desk: Desk, job_id: str, wait: bool, json: bool) -> None:
    """Show what JOB would do, how far it is, or what it did."""
    job = _seen(desk, job_id)
    if wait:
        job = _waited(desk, job)
        if job.over:
            tell_end(desk, job, json=json)
            return
    if json:
        say_json(JobSchema().dump(desk.bulk.report(job)))
        return
    say(f"Job {job.id} by {job.actor_name}, {in_zone(job.made_at, desk.zone):%Y-%m-%d %H:%M}")
    trial = job.state in OPEN
    outcomes = desk.bulk.jobs.outcomes(job, "expected" if trial else "outcome")
    say_trial(desk, job, _label(desk, job), outcomes, trial=trial)
    say(f"{JOB_STATES[job.state][1]}{f': {desk.words(job.why)}' if job.why else ''}")


@jobs.command("users")
@job_argument
@limit_option
@lines_option
@at_desk
def job_users(desk: Desk, job_id: str, limit: int, json: bool) -> None:
    """List the users of JOB, and what became, or would become, of each."""
    bulk, job = desk.bulk, _seen(desk, job_id)
    everybody = (told for items in bulk.jobs.pages(job) for told in bulk.told(job, items))
    found = islice(everybody, limit) if limit else everybody
    if json:
        for told in found:
            say_json(JobUserSchema().dump(told))
        return
    cells = [
        (t.item.n, t.item.user_key, t.name, t.item.expected, t.item.outcome, t.item.why, t.seq)
        for t in found
    ]
    rows = [["" if cell is None else str(cell) for cell in row] for row in cells]
    say_table(["No", "Key", "Name", "Would become", "Became", "Why", "Entry"], rows)
    if len(rows) == limit and limit < job.total:
        say("There are more: --limit 0 lists all of them.", err=True)


@jobs.command()
@job_argument
@at_desk
def cancel(desk: Desk, job_id: str) -> None:
    """Stop JOB after the users it is at; forget it if nothing was done yet."""
    job = desk.bulk.cancel(_own(desk, job_id))
    if job is None:
        say("It is forgotten. Nothing was done.")
    elif job.over:
        raise NotDone("It was over already.")
    else:
        say("It stops after the users it is at. What was done stays done.")


@jobs.command()
@job_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@at_desk
def resume(desk: Desk, job_id: str, yes: bool, json: bool) -> None:
    """Do exactly what was tried as JOB, or go on with it if it was cut off."""
    bulk, job = desk.bulk, _own(desk, job_id)
    action = _action(desk, job)
    if action.fresh:
        raise NotDone(f"“{action.label}” needs somebody who has just signed in, in a browser.")
    bulk.require(action)
    if job.state in OPEN:
        carry_out(desk, job, action, yes=yes, dry_run=False, json=json)
        return
    tell_end(desk, worked(bulk, job, str(action.label)), json=json)


@jobs.command("undo")
@job_argument
@ordering
def undo_job(desk: Desk, job_id: str, yes: bool, dry_run: bool, json: bool) -> None:
    """Take JOB back for those of its users whom nothing has touched since."""
    job = _seen(desk, job_id)
    event = None if job.seq is None else History(desk.directory).event(job.seq)
    if event is None:
        raise NotDone("Nothing was done by it that could be taken back.")
    _take_back(desk, event, yes=yes, dry_run=dry_run, json=json)


@click.command()
@click.argument("seq", type=click.IntRange(min=0))
@ordering
def undo(desk: Desk, seq: int, yes: bool, dry_run: bool, json: bool) -> None:
    """Take back what the entry SEQ of the history tells, if nothing has touched it since."""
    event = History(desk.directory).done(seq)
    if event is None:
        raise NotDone("There is no such entry on this platform.")
    _take_back(desk, event, yes=yes, dry_run=dry_run, json=json)


def _take_back(desk: Desk, event: Event, *, yes: bool, dry_run: bool, json: bool) -> None:
    say(desk.sentence(event), err=json)
    bulk = desk.bulk
    if event.action == Many.name:
        job = bulk.undo_job(event, dry_run=True)
        carry_out(desk, job, _action(desk, job), yes=yes, dry_run=dry_run, json=json)
        return
    order = bulk.undoing(event)
    act(desk, order.action, order.key, {}, ask=True, yes=yes, dry_run=dry_run, json=json)


def _latest(desk: Desk) -> Iterator[Job]:
    page = desk.bulk.jobs.latest()
    while page:
        yield from page
        page = desk.bulk.jobs.latest(before=page[-1])


def _seen(desk: Desk, job_id: str) -> Job:
    job = desk.bulk.jobs.get(job_id)
    if job is None or job.state == "picking":  # what somebody ticks on the page
        raise NotDone("There is no such job on this platform.")
    return job


def _own(desk: Desk, job_id: str) -> Job:
    job = _seen(desk, job_id)
    desk.bulk.require_own(job, record=True)
    return job


def _action(desk: Desk, job: Job) -> Action:
    action = desk.extension.action_of(desk.bulk.jobs, job)
    if action is None:
        raise RefusedError("The product does not offer this action any more.")
    return action


def _label(desk: Desk, job: Job) -> str:
    action = desk.extension.action_of(desk.bulk.jobs, job)
    return job.action if action is None else str(action.label)


def _came_to(job: Job) -> str:
    return f"{number(job.total - job.left)} of {number(job.total)}"


def _waited(desk: Desk, job: Job) -> Job:
    """Return a job once it does not change by itself any more."""
    with progress(job, _label(desk, job)) as tell:
        while job.state in {"checking", *WORKING}:
            time.sleep(EVERY)
            desk.bulk.session.rollback()
            now = _seen(desk, job.id)
            tell(job.left - now.left)
            job = now
    return job
