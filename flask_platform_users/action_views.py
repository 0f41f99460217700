"""The form of an action, and doing it: the HTML door of the pipeline."""

import hashlib
import json
import secrets
from typing import Any

from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadSignature, URLSafeSerializer

from .actions import Action
from .door import Door, secret_keys
from .errors import (
    NO_USER,
    HookError,
    InvalidError,
    NotFoundError,
    RefusedError,
    StaleError,
    could_not,
)
from .headers import PART
from .history import History
from .i18n import _
from .orders import Order, Result
from .pages.action import ActionPage
from .sessions import Sessions


class ActionViews:
    """The one view that serves every action."""

    def __init__(self, door: Door, sessions: Sessions) -> None:
        self.door = door
        self.sessions = sessions

    def act(self, name: str, key: str) -> ResponseReturnValue:
        """Ask for an action, and do it."""
        action = self.door.actions.get(name)
        if action is None or action.by_system:
            abort(404, _("There is no such action."))
        answer = self.sessions.ask_to_sign_in_again() if action.fresh else None
        if answer is not None:
            return answer
        data = request.form if request.method == "POST" else None
        unfinished = request.headers.get(PART) == "foreseen"
        if data is None or unfinished:  # the pipeline itself refuses what is sent, and records it
            self.door.require(action.name)
        pipeline = self.door.pipeline()
        error: RefusedError | None = None
        try:
            if data is not None and not unfinished and self._is_shown(action, data):
                result = pipeline.run(self._order(action, key, data))
                answer = None if result.unit is None else action.answer(result.unit)
                return self._done(result, key) if answer is None else answer
        except (InvalidError, StaleError) as caught:
            error = caught
        except NotFoundError:
            abort(404, NO_USER)
        except RefusedError as caught:
            return self._refused(caught, key)
        except HookError as caught:
            return self._failed(caught, key)
        return self._ask(action, key, data, error, sent=data is not None and not unfinished)

    def undo(self, seq: int) -> ResponseReturnValue:
        """Take back what an entry of the history tells, if nothing has touched it since."""
        event = History(self.door.directory()).done(seq)
        if event is None:
            abort(404, _("There is no such entry on this platform."))
        bulk, key = self.door.bulk(), str(event.user_key)
        try:
            undone = bulk.undo(event)
        except NotFoundError:
            abort(404, NO_USER)
        except RefusedError as refused:
            if event.user_key is None:
                raise
            return self._refused(refused, key)
        except HookError as failed:
            return self._failed(failed, key)
        if isinstance(undone, Result):
            return self._done(undone, key)
        job = bulk.go_on(undone)
        return redirect(url_for(".show_job", job_id=job.id), 303)

    def _ask(
        self, action: Action, key: str, data: Any, error: RefusedError | None, *, sent: bool
    ) -> ResponseReturnValue:
        try:
            prompt = self.door.pipeline().prompt(
                action, key, data or request.args or None, sent=sent
            )
        except NotFoundError:
            abort(404, NO_USER)
        except RefusedError as refused:
            return self._refused(refused, key)
        except HookError as failed:
            current_app.logger.exception("%s", failed)
            return self._failed(failed, key)
        if error is None and sent and not prompt.valid:
            error = InvalidError(prompt.form)
        asks_again = action.shows_first and not (sent and prompt.valid)
        hidden = {
            "csrf_token": generate_csrf(),
            "request_id": secrets.token_hex(16),
            "seen": self._seal("seen").dumps(prompt.seen),
        }
        if action.shows_first and not asks_again:
            hidden["shown"] = self._seal("shown").dumps(_filled_in(data))
        page = ActionPage(
            action=action,
            prompt=prompt,
            error=None if error is None else error.sentence,
            hidden=hidden,
            button=_("Show what changes") if asks_again else action.label,
            foreseen=self.door.foreseen(prompt),
        )
        return self.door.render("action.html", view=page), 200 if error is None else error.status

    def _is_shown(self, action: Action, data: Any) -> bool:
        """Say whether what was sent is what the person was shown the impact of."""
        return not action.shows_first or self._unsealed(data, "shown") == _filled_in(data)

    def _done(self, result: Result, key: str) -> ResponseReturnValue:
        arguments: dict[str, Any] = {"done": result.seq} if result.seq else {"unchanged": 1}
        user = result.user
        if user is None or (user.population == "deleted" and not self.door.restores()):
            return redirect(url_for(".list_users", **arguments), 303)
        return redirect(url_for(".show_user", key=key, **arguments), 303)

    def _refused(self, error: RefusedError, key: str) -> ResponseReturnValue:
        return self._not_done(_("This was not done"), error.sentence, key), error.status

    def _failed(self, error: HookError, key: str) -> ResponseReturnValue:
        sentence = could_not(error)
        return self._not_done(_("This failed"), sentence, key), 500

    def _not_done(self, title: str, sentence: str, key: str) -> str:
        return self.door.render("refused.html", title=title, sentence=sentence, key=key)

    def _order(self, action: Action, key: str, data: Any) -> Order:
        return Order(
            action=action,
            key=key,
            data=data,
            seen=self._unsealed(data, "seen") or {},
            request_id=self._request_id(action, key, data),
            address=request.remote_addr or "",
        )

    def _request_id(self, action: Action, key: str, data: Any) -> str | None:
        """Return what only the same order by the same person has in common with this one."""
        if not data.get("request_id"):
            return None
        actor = self.door.pipeline().actor_id
        order = [data["request_id"], actor, action.name, key, _filled_in(data)]
        return hashlib.sha256(json.dumps(order).encode()).hexdigest()

    def _unsealed(self, data: Any, name: str) -> Any:
        try:
            return self._seal(name).loads(data[name]) if data.get(name) else None
        except BadSignature:
            abort(400, _("This form was not made here. Nothing was changed: open it again."))

    def _seal(self, name: str) -> URLSafeSerializer:
        salt = f"flask-platform-users.{name}.{self.door.extension.name}"
        return URLSafeSerializer(secret_keys(), salt=salt)


def _filled_in(data: Any) -> list[list[str]]:
    """Return what was filled in, without what goes along."""
    hidden = {"csrf_token", "request_id", "seen", "shown"}
    return sorted([name, value] for name, value in data.items(multi=True) if name not in hidden)
