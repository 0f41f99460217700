"""Generated requests to the JSON API: every answer is as documented, and none is a failure.

    python -m tests.harness.fuzz 10000

asks the example product on SQLite, as its owner. Half of the requests fit the description, the
others break it somewhere; most are of users that are there.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
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


def as_owner(product: Product) -> Callable[..., Any]:
    """Return the product as a WSGI app that takes everybody for its owner at a form."""
    key, _ = product.some_user()
    token = product.form("block", key)["csrf_token"]
    cookie = product.owner.get_cookie(product.app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None

    def ask(environ: dict[str, Any], start_response: Any) -> Any:
        environ["HTTP_COOKIE"] = f"{cookie.decoded_key}={cookie.value}"
        environ["HTTP_X_CSRFTOKEN"] = token
        return product.app(environ, start_response)

    return ask


def fuzz(product: Product, number: int, *, repeatable: bool) -> Counter[int]:
    """Send requests and check each answer; return how many there were of each status.

    Args:
        product: whom to ask.
        number: how many; half of each kind.
        repeatable: whether they are the same each time.
    """
    seen = Counter[int]()
    with product.app.app_context():
        users = sa.select(User.id).order_by(User.role, User.platform_id, User.id).limit(600)
        keys = [str(key) for key in db.session.scalars(users)]
    schema = schemathesis.openapi.from_wsgi(
        f"{USERS}/api/openapi.json", as_owner(product), config=SchemathesisConfig.from_dict(CONFIG)
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
        @given(case=schema.as_strategy(generation_mode=mode), key=st.sampled_from([*keys, ""]))
        def ask(case: Any, key: str) -> None:
            if key and "key" in case.path_parameters:
                case.path_parameters["key"] = key
            answer = case.call_and_validate(checks=CHECKS)
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
