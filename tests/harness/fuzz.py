"""Generated requests to the JSON API: every answer is as documented, and none is a failure.

    python -m tests.harness.fuzz 10000

asks the example product on SQLite, as its owner. Half of the requests fit the description, the
others break it somewhere; most are of users, jobs and entries of the history that are there. Of the
jobs that are too long for a request every tenth is done, and the others are left where they are.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from example_app.models import User, db

from ..product import USERS, Product, opened

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


CONFIG = {
    "generation": {"with-security-parameters": False},
    "checks": {
        "negative_data_rejection": {"expected-statuses": [400, 403, 404, 409, 412, 413, 415, 422]}
    },
}


class Target:
    """The product as a WSGI app that takes everybody for its owner at a form.

    Attributes:
        keys: users that are there, of two platforms.
        jobs: jobs that are there, or were.
        started: how many jobs were too long for a request.
    """

    def __init__(self, product: Product) -> None:
        self.product = product
        key, _ = product.some_user()
        self.token = product.form("block", key)["csrf_token"]
        cookie = product.owner.get_cookie(product.app.config["SESSION_COOKIE_NAME"])
        assert cookie is not None
        self.cookie = f"{cookie.decoded_key}={cookie.value}"
        with product.app.app_context():
            users = sa.select(User.id).order_by(User.role, User.platform_id, User.id).limit(600)
            self.keys = [str(key) for key in db.session.scalars(users)]
        self.started = 0
        product.extension.start_job = self._start  # type: ignore[method-assign]
        self.jobs: list[str] = []
        order: dict[str, Any] = {"keys": [str(key)], "fields": {"reason": "fuzz"}}
        for name, dry_run in (("block", True), ("block", False), ("unblock", False)):
            self._order(name, order | {"dry_run": dry_run})

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["HTTP_COOKIE"] = self.cookie
        environ["HTTP_X_CSRFTOKEN"] = self.token
        return self.product.app(environ, start_response)

    def meet(self, case: Any, number: int, *, valid: bool) -> None:
        """Let a request be of something that is there, by a number that chooses it.

        Args:
            case: the request.
            number: any; every fourth leaves the request as it is.
            valid: whether it fits the description, and shall.
        """
        if not number % 4:
            return
        there = {"key": self.keys, "job_id": self.jobs}
        for name in there.keys() & case.path_parameters.keys():
            case.path_parameters[name] = there[name][number % len(there[name])]
        if not valid:
            return
        if "seq" in case.path_parameters:
            with self.product.app.app_context():
                last = self.product.extension.chain(1).head()[0]
            case.path_parameters["seq"] = number % last + 1
        if isinstance(case.body, dict) and "keys" in case.body:
            some = number % len(self.keys)
            case.body["keys"] = self.keys[some : some + 3]

    def note(self, answer: Any) -> None:
        """Note a job that an answer tells of."""
        where = answer.headers.get("location", [""])[0]
        if "/jobs/" in where:
            self.jobs.append(where.rpartition("/")[2])

    def _order(self, name: str, order: dict[str, Any]) -> None:
        answer = self.product.owner.post(
            f"{USERS}/api/many/{name}", json=order, headers={"X-CSRFToken": self.token}
        )
        assert answer.json is not None
        self.jobs.append(answer.json["id"])

    def _start(self, job_id: str) -> None:
        self.started += 1
        if self.started % 10 == 1:
            self.product.extension.run_job(job_id)


def fuzz(product: Product, number: int, *, repeatable: bool) -> Counter[int]:
    """Send requests and check each answer; return how many there were of each status.

    Args:
        product: whom to ask.
        number: how many; half of each kind.
        repeatable: whether they are the same each time.
    """
    seen, target = Counter[int](), Target(product)
    schema = schemathesis.openapi.from_wsgi(
        f"{USERS}/api/openapi.json", target, config=SchemathesisConfig.from_dict(CONFIG)
    )
    for mode in GenerationMode:

        @settings(
            max_examples=number // 2,
            deadline=None,
            database=None,
            derandomize=repeatable,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=schema.as_strategy(generation_mode=mode), which=st.integers(0, 2**32))
        def ask(case: Any, which: int) -> None:
            target.meet(case, which, valid=mode is GenerationMode.POSITIVE)  # noqa: B023
            answer = case.call_and_validate(checks=CHECKS)
            target.note(answer)
            seen[answer.status_code] += 1

        ask()
    return seen


def main(number: int) -> None:
    """Run it and print its closing lines."""
    with tempfile.TemporaryDirectory() as folder, opened("sqlite", Path(folder)) as product:
        seen = fuzz(product, number, repeatable=False)
        with product.app.app_context():
            fault = product.extension.chain(1).verify()
            events = product.extension.chain(1).head()[0]
        failures = sum(found for status, found in seen.items() if status >= 500)
        for status, found in sorted(seen.items()):
            print(f"{status}: {found:>6}")
        print(
            f"{seen.total()} generated requests, {failures} responses 5xx, every response as "
            f"documented; {events} entries in the history, "
            + ("which verifies" if fault is None else f"bad from {fault.seq} on: {fault.why}")
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
