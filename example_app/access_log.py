"""One line in the log for each request: what was asked, and by whom really."""

import logging

from flask import Response, request, session

from .platform_users import platform_users

log = logging.getLogger(__name__)


def write(response: Response) -> Response:
    """Log a request. People are their keys: names do not belong into a log."""
    if request.endpoint == "static":
        return response
    who = f"user {session['_user_id']}" if "_user_id" in session else "nobody"
    seen_as = platform_users.seen_as
    if seen_as is not None:
        who += f" seen as user {seen_as.user_key}"
    log.info("%s %s %s %s", request.method, request.path, response.status_code, who)
    return response
