"""Where jobs run: in a thread of the process, or on a worker of the host's Celery."""

import threading
from typing import Any

import pytest

from flask_platform_users.runners import CeleryRunner, ThreadRunner

from .conftest import Worlds
from .test_jobs import BLOCKED, REASON, Crowd


@pytest.fixture
def crowd(worlds: Worlds) -> Crowd:
    world = worlds("a-enum/sqlite")
    world.clean()
    return Crowd(world)


def start(crowd: Crowd, job_id: str) -> None:
    with crowd.world.app.app_context():
        crowd.world.extension.start_job(job_id)


def join() -> None:
    """Wait for the threads of jobs."""
    for thread in threading.enumerate():
        if thread.name.startswith("platform_users-"):
            thread.join(timeout=10)


def test_a_thread_does_the_job_while_the_request_goes_on(crowd: Crowd) -> None:
    assert isinstance(crowd.world.extension.runner, ThreadRunner)
    job_id = crowd.queued("block", crowd.crew, **REASON)
    start(crowd, job_id)
    join()
    assert crowd.became(crowd.job(job_id)) == [BLOCKED] * 5


def test_a_thread_that_fails_says_so_and_leaves_the_job_to_the_next_tick(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_actor: Any) -> None:
        raise RuntimeError("The policy is broken.")

    job_id = crowd.queued("block", crowd.crew, **REASON)
    with monkeypatch.context() as patch:
        patch.setattr(crowd.world.extension.policy, "platform_of", fail)
        start(crowd, job_id)
        join()
    assert f"Job {job_id} was cut off" in caplog.text
    assert crowd.job(job_id).left == 5


class Broken(ThreadRunner):
    """Cannot start anything: the broker is down."""

    def start(self, name: str, job_id: str) -> None:  # noqa: ARG002
        raise ConnectionError("The broker does not answer.")


def test_without_a_broker_the_next_tick_does_the_job(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = crowd.queued("block", crowd.crew, **REASON)
    monkeypatch.setattr(crowd.world.extension, "runner", Broken())
    start(crowd, job_id)
    assert f"Job {job_id} could not be started; the next tick does it" in caplog.text
    assert crowd.tick() == ["block"] * 5 + ["many"]


def test_a_message_that_comes_while_another_worker_is_at_the_job_waits(crowd: Crowd) -> None:
    """So that it is there should that worker die."""
    celery = pytest.importorskip("celery").Celery("waiting", broker="memory://")
    ends, asked = [False, False, True], []

    def run(job_id: str) -> bool:
        asked.append(job_id)
        return ends[len(asked) - 1]

    CeleryRunner(celery).mounted(crowd.world.app, "shop", run)
    celery.tasks["shop.run_job"].apply(args=["7"]).get()
    assert asked == ["7", "7", "7"]
