"""A worker of the example product, as a host would write it: ``celery -A tests.celery_app worker``.

DATABASE_URL, REDIS_URL and REDIS_PREFIX say where everything is.
"""

import os

from celery import Celery

from example_app import create_app
from example_app.platform_users import platform_users
from flask_platform_users.runners import CeleryRunner

celery = Celery("example", broker=os.environ["REDIS_URL"])
celery.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 2,  # seconds until what a dead worker had is delivered again
        "global_keyprefix": os.environ["REDIS_PREFIX"],
    },
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
)
platform_users.runner = CeleryRunner(celery)
app = create_app(
    os.environ["DATABASE_URL"], config={"SECRET_KEY": "secret", "PLATFORM_USERS_JOB_LEASE": 2}
)
