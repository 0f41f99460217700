"""The addresses of one mount, and what answers each."""

import functools
from typing import TYPE_CHECKING

import sqlalchemy.exc
from flask import Blueprint, Response
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader
from werkzeug.exceptions import HTTPException

from .action_views import ActionViews
from .audit import Keys
from .door import ROOT, Door
from .errors import RefusedError
from .export_views import ExportViews
from .files import send
from .headers import harden
from .list_views import ListViews
from .many_views import ManyViews
from .overlay_views import OverlayViews
from .page_views import PageViews
from .sessions import Sessions
from .settings import Settings

if TYPE_CHECKING:
    from .extension import PlatformUsers

TEMPLATES = ROOT / "templates"


class _Blueprint(Blueprint):
    """Also offers the originals below ``@platform_users/``, for overrides that extend them."""

    @functools.cached_property
    def jinja_loader(self) -> BaseLoader:
        originals = FileSystemLoader(TEMPLATES / "platform_users")
        return ChoiceLoader(
            [FileSystemLoader(TEMPLATES), PrefixLoader({"@platform_users": originals})]
        )

    def send_static_file(self, filename: str) -> Response:
        """Send a file of ours."""
        return send(filename)


def build_blueprint(
    extension: "PlatformUsers", settings: Settings, keys: Keys, sessions: Sessions
) -> Blueprint:
    """Return the blueprint of one mount on one app."""
    blueprint = _Blueprint(
        extension.name, __name__, static_folder="static", static_url_path="/static"
    )
    door = Door(extension, settings, keys)
    users, pages, actions = ListViews(door), PageViews(door), ActionViews(door, sessions)
    blueprint.before_request(door.require_owner)
    blueprint.record_once(lambda state: harden(state.app, extension.name))
    blueprint.context_processor(door.context)
    blueprint.register_error_handler(HTTPException, door.refuse)
    blueprint.register_error_handler(RefusedError, door.refuse_order)
    blueprint.register_error_handler(sqlalchemy.exc.SQLAlchemyError, door.fail)
    blueprint.add_url_rule("/", "list_users", users.list_users)
    blueprint.add_url_rule("/columns", "choose_columns", users.choose_columns, methods=["POST"])
    blueprint.add_url_rule("/views", "keep_view", users.keep_view, methods=["POST"])
    blueprint.add_url_rule("/views/delete", "forget_view", users.forget_view, methods=["POST"])
    blueprint.add_url_rule("/id/<path:key>", "show_user", pages.show_user)
    blueprint.add_url_rule("/do/<name>/<path:key>", "act", actions.act, methods=["GET", "POST"])
    blueprint.add_url_rule("/undo/<int:seq>", "undo", actions.undo, methods=["POST"])
    blueprint.add_url_rule("/granted", "show_granted", pages.show_granted)
    many = ManyViews(door, sessions)
    blueprint.add_url_rule("/many", "pick", many.pick, methods=["POST"])
    blueprint.add_url_rule(
        "/many/<job_id>/<name>", "ask_many", many.ask_many, methods=["GET", "POST"]
    )
    blueprint.add_url_rule("/jobs", "list_jobs", many.list_jobs)
    blueprint.add_url_rule("/jobs/<job_id>", "show_job", many.show_job)
    blueprint.add_url_rule("/jobs/<job_id>/do", "do_job", many.do_job, methods=["POST"])
    blueprint.add_url_rule("/jobs/<job_id>/cancel", "cancel_job", many.cancel_job, methods=["POST"])
    blueprint.add_url_rule("/jobs/<job_id>.csv", "export_job", many.export_job)
    sessions.mounts[extension.name] = OverlayViews(door, sessions)
    blueprint.add_url_rule(
        "/impersonations/<int:seq>", "show_impersonation", pages.show_impersonation
    )
    blueprint.add_url_rule(
        "/impersonations/stop", "stop_impersonation", pages.not_impersonating, methods=["POST"]
    )
    blueprint.add_url_rule(
        "/impersonations/allow", "allow_changes", pages.not_impersonating, methods=["POST"]
    )
    blueprint.add_url_rule("/history", "show_history", pages.show_history)
    exports = ExportViews(door)
    blueprint.add_url_rule("/users.csv", "export_users", exports.users, methods=["POST"])
    blueprint.add_url_rule("/history.csv", "export_history", exports.history, methods=["POST"])
    if extension.api:
        from .api.views import build_api  # it needs the extra "api"

        blueprint.register_blueprint(build_api(door, sessions))
    return blueprint
