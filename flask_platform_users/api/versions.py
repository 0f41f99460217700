"""Versions of users: what a program saw, as an entity tag that it gives back with a change.

A tag holds what was seen, not a hash of it, so that a refusal can tell both values. It is signed,
and good for one user.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from flask import request
from itsdangerous import BadData, URLSafeSerializer

from ..door import secret_keys


@dataclass(frozen=True, kw_only=True)
class Version:
    """What was seen of a user.

    Attributes:
        key: the text of the user's key.
        action: the action whose form it was seen in; empty for the user alone.
        seen: facts, in words.
    """

    key: str
    action: str = ""
    seen: Mapping[str, str]


class Versions:
    """Writes and reads the tags of one mount."""

    def __init__(self, mount: str) -> None:
        self.mount = mount

    def tag(self, version: Version, body: bytes) -> str:
        """Return the tag of an answer with that body."""
        digest = hashlib.sha256(body).hexdigest()[:16]
        return str(self._seal().dumps([version.key, version.action, version.seen, digest]))

    def expected(self) -> tuple[bool, Version | None]:
        """Return whether the request names a version in If-Match, and which.

        ``If-Match: *`` names none. A tag that was not written here is None.
        """
        if "If-Match" not in request.headers or request.if_match.star_tag:
            return False, None
        for tag in filter(None, request.if_match.as_set()):
            try:
                key, action, seen, _ = self._seal().loads(tag)
            except BadData:
                continue
            return True, Version(key=key, action=action, seen=seen)
        return True, None

    def _seal(self) -> URLSafeSerializer:
        return URLSafeSerializer(secret_keys(), salt=f"flask-platform-users.version.{self.mount}")
