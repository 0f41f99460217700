"""Puts the banner of an impersonation into the pages of the host."""

from collections.abc import Callable

from flask import Response, g


def add_banner(response: Response, render: Callable[[], str]) -> Response:
    """Put the banner before the end of an HTML page that does not have it yet.

    Anything else stays as it is: other types, what is streamed (of a length that is not known yet),
    sent from a file or compressed, and pages or fragments without an end of their own.
    """
    if (
        g.get("_platform_users_bannered")
        or response.mimetype not in {"text/html", "application/xhtml+xml"}
        or (response.is_streamed and "Content-Length" not in response.headers)
        or response.direct_passthrough
        or response.content_encoding
        or response.status_code in {204, 304}
    ):
        return response
    page = response.get_data()
    end = page.lower().rfind(b"</body>")
    if end >= 0:
        response.set_data(page[:end] + render().encode() + page[end:])
        response.headers.pop("ETag", None)
        response.headers.pop("Last-Modified", None)
    return response
