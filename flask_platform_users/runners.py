"""Where jobs run that are too long for a request."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from flask import Flask, current_app

from .settings import Settings

log = logging.getLogger(__name__)


class Runner(Protocol):
    """Runs jobs outside of the request that ordered them.

    A job that is cut off goes on when it is run again, by whoever does that:
    ``flask platform-users tick`` runs those that nobody works on.
    """

    def mounted(self, app: Flask, name: str, run: Callable[[str], bool]) -> None:
        """Learn, when the page called ``name`` is mounted, how a job is run: inside the app.

        ``run(job_id)`` returns False if somebody else works on that job: should they die, it has to
        be run again later, by whoever comes first.
        """

    def start(self, name: str, job_id: str) -> None:
        """Let a job be run soon; called in the app's context, after the commit."""


class ThreadRunner:
    """Runs each job in a thread of the process that took the order. It needs nothing else."""

    def __init__(self) -> None:
        self._runs: dict[tuple[Flask, str], Callable[[str], bool]] = {}

    def mounted(self, app: Flask, name: str, run: Callable[[str], bool]) -> None:
        """Remember it for this app."""
        self._runs[app, name] = run

    def start(self, name: str, job_id: str) -> None:
        """Start a thread; it goes on until the job has ended or the process has."""
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        run = self._runs[app, name]

        def work() -> None:
            with app.app_context():
                try:
                    run(job_id)
                except Exception:
                    log.exception("Job %s was cut off; it goes on with the next tick", job_id)

        threading.Thread(target=work, name=f"{name}-{job_id}", daemon=True).start()


class CeleryRunner:
    """Runs each job on a worker of the host's Celery.

    Construct it where both the web processes and the workers do, since both have to know the
    task; the extra ``flask-platform-users[celery]`` names the version it was tried with.

    A message is acknowledged once its job has ended. If its worker dies, the broker delivers it
    again, Redis after its ``visibility_timeout``; ``flask platform-users tick`` may be sooner. If a
    job takes longer than that timeout, it is delivered while it is done: that message waits.

    Args:
        celery: the host's Celery app.
    """

    def __init__(self, celery: Any) -> None:
        self.celery = celery

    def mounted(self, app: Flask, name: str, run: Callable[[str], bool]) -> None:
        """Register the task."""
        wait = Settings.of(app).job_lease

        def work(task: Any, job_id: str) -> None:
            with app.app_context():
                ended = run(job_id)
            if not ended:
                raise task.retry(countdown=wait, max_retries=None)

        options = {"acks_late": True, "reject_on_worker_lost": True, "shared": False}
        self.celery.task(name=_task(name), bind=True, **options)(work)

    def start(self, name: str, job_id: str) -> None:
        """Send it to the workers."""
        self.celery.send_task(_task(name), args=[job_id])


def _task(name: str) -> str:
    return f"{name}.run_job"
