"""A program at the JSON API, for the owner of a platform."""

import json
from typing import Any

from werkzeug.test import TestResponse

from .hosts import Key
from .office import Office

JSON = "application/json"
PROBLEM = "application/problem+json"


class Program:
    """Asks the API in the session of an office's owner, with the token of their forms."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.world = office.world
        self.client = office.client
        self.token = office.hidden("add_note", office.user)["csrf_token"]

    def url(self, endpoint: str, **values: Any) -> str:
        """Return an address of the API."""
        return self.world.url(f"api.{endpoint}", **values)

    def get(self, endpoint: str, *, headers: Any = None, **values: Any) -> TestResponse:
        """Read."""
        return self.client.get(self.url(endpoint, **values), headers=headers)

    def read(self, endpoint: str, **values: Any) -> Any:
        """Read what has to be there."""
        answer = self.get(endpoint, **values)
        assert (answer.status_code, answer.mimetype) == (200, JSON), answer.text
        return answer.json

    def do(
        self, name: str, key: Key, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> TestResponse:
        """Do an action."""
        return self.send(name, key, json.dumps(body or {}), headers=headers)

    def send(
        self,
        name: str,
        key: Key,
        body: str | bytes,
        *,
        headers: dict[str, str] | None = None,
        content_type: str | None = JSON,
    ) -> TestResponse:
        """Send whatever it may be."""
        return self.client.post(
            self.url("act", name=name, key=str(key)),
            data=body,
            content_type=content_type,
            headers={"X-CSRFToken": self.token} | (headers or {}),
        )


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """Return the details of a problem, which has to be one."""
    assert (answer.status_code, answer.mimetype) == (status, PROBLEM), answer.text
    found: dict[str, Any] = answer.get_json(force=True)
    assert found["status"] == status
    assert found["type"] == "about:blank"
    assert found["title"]
    assert found["detail"].endswith(".")
    return found
