"""What the README tells a stranger to write works as it stands there."""

import os
import re
from pathlib import Path

import pytest

from .shop import fill, shop

README = Path(__file__).parent.parent / "README.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_every_block_of_the_readme_runs_in_order_and_the_page_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUDIT_KEY", "k" * 32)
    with shop() as names:
        host = names | {"os": os, "flash": print}
        with_a_user = [block for block in blocks() if re.search(r"(?<![.\w])user(\.id|\))", block)]
        assert len(with_a_user) == 2
        for block in blocks():
            if block not in with_a_user:
                exec(compile(block, README.name, "exec"), host)
        with names["app"].app_context():
            fill(names)
            host["user"] = host["current_user"]
            for block in with_a_user:
                exec(compile(block, README.name, "exec"), host)
            names["db"].session.remove()
        client = names["app"].test_client()
        assert "Ada" in client.get("/platform/users/").text
        assert "Invoice sent" in client.get("/platform/users/history").text


def test_the_integration_of_the_readme_takes_some_thirty_lines() -> None:
    mapping, mounting, *_ = blocks()
    written = [line for line in (mapping + mounting).splitlines() if line.strip()]
    assert len(written) <= 35
