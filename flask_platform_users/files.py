"""The static files: where they are, for how long they are kept, and that nobody is told apart."""

import functools
import hashlib
from pathlib import Path
from typing import Any, cast

from flask import Response, abort, request, send_from_directory, url_for
from werkzeug.datastructures import Headers

FOLDER = Path(__file__).parent / "static"
KEPT = 365 * 24 * 3600
"""For how many seconds a file may be kept whose address says which version of it is meant."""

_TYPES = {".css": "text/css", ".js": "text/javascript"}
"""Said here, since the registry of Windows may say otherwise, and modules have to be JavaScript."""


class PublicResponse(Response):
    """An answer that is the same for everybody, so that a cache may give it to anybody.

    Whatever renews the cookies of a session with each answer leaves this one alone.
    """

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """Return the headers without those of anybody's session."""
        headers = super().get_wsgi_headers(environ)
        headers.remove("Set-Cookie")
        varies = [name for name in self.vary.to_header().split(", ") if name.lower() != "cookie"]
        headers.remove("Vary")
        if any(varies):
            headers["Vary"] = ", ".join(varies)
        return headers


@functools.cache
def versions() -> dict[str, str]:
    """Return what tells each file from other versions of it, by its name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in FOLDER.iterdir()
    }


def address_of(filename: str, *, endpoint: str, elsewhere: str | None) -> str:
    """Return the address of a file, which changes when the file does.

    Args:
        filename: its name.
        endpoint: what serves it on this app.
        elsewhere: the address of the folder on another server, None if there is none.
    """
    version = versions()[filename]
    if elsewhere is None:
        return url_for(endpoint, filename=filename, v=version)
    return f"{elsewhere}{filename}?v={version}"


def send(filename: str) -> Response:
    """Send a file, to be kept for good by whoever asked for this version of it."""
    version = versions().get(filename)
    if version is None:
        abort(404)
    current = request.args.get("v") == version
    response = send_from_directory(
        FOLDER,
        filename,
        mimetype=_TYPES.get(Path(filename).suffix),
        etag=version,
        max_age=KEPT if current else 0,
    )
    response.cache_control.immutable = current
    return response


def published(response: Response) -> PublicResponse:
    """Return a file as it may leave: without cookies, and open to pages of any address."""
    public = cast(PublicResponse, PublicResponse.force_type(response))
    public.headers.setdefault("X-Content-Type-Options", "nosniff")
    public.headers.setdefault("Access-Control-Allow-Origin", "*")
    public.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
    return public
