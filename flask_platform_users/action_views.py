"""The form of an action, and doing it: the HTML door of the pipeline."""

import secrets
from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadSignature, URLSafeSerializer

from .actions import Action
from .door import Door, secret_keys
from .errors import HookError, InvalidError, NotFoundError, RefusedError, StaleError
from .pages import ActionPage
from .pipeline import Order, Result


class ActionViews:
    """The one view that serves every action."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def act(self, name: str, key: str) -> ResponseReturnValue:
        """Ask for an action, and do it."""
        action = self.door.actions.get(name)
        if action is None or action.by_system:
            abort(404, "There is no such action.")
        self.door.require(action.name)
        pipeline = self.door.pipeline()
        data = request.form if request.method == "POST" else None
        error: RefusedError | None = None
        try:
            if data is not None:
                return self._done(pipeline.run(self._order(action, key, data)), key)
        except (InvalidError, StaleError) as caught:
            error = caught
        except NotFoundError:
            abort(404, "There is no such user on this platform.")
        except RefusedError as caught:
            return self._refused(caught, key)
        except HookError as caught:
            sentence = (
                f"The product could not do its part ({caught.hook}). Nothing was changed, and the "
                "error was recorded."
            )
            return self._not_done("This failed", sentence, key), 500
        return self._ask(action, key, data, error)

    def _ask(
        self, action: Action, key: str, data: Any, error: RefusedError | None
    ) -> ResponseReturnValue:
        try:
            prompt = self.door.pipeline().prompt(action, key, data)
        except NotFoundError:
            abort(404, "There is no such user on this platform.")
        except RefusedError as refused:
            return self._refused(refused, key)
        page = ActionPage(
            action=action,
            prompt=prompt,
            error=None if error is None else error.sentence,
            hidden={
                "csrf_token": generate_csrf(),
                "request_id": secrets.token_hex(16),
                "seen": self._seal().dumps(prompt.seen),
            },
        )
        return self.door.render("action.html", view=page), 200 if error is None else error.status

    def _done(self, result: Result, key: str) -> ResponseReturnValue:
        arguments: dict[str, Any] = {"done": result.seq} if result.seq else {"unchanged": 1}
        if result.outcome == "done" and result.user is None:
            return redirect(url_for(".list_users", **arguments), 303)
        return redirect(url_for(".show_user", key=key, **arguments), 303)

    def _refused(self, error: RefusedError, key: str) -> ResponseReturnValue:
        return self._not_done("This was not done", error.sentence, key), error.status

    def _not_done(self, title: str, sentence: str, key: str) -> str:
        return self.door.render("refused.html", title=title, sentence=sentence, key=key)

    def _order(self, action: Action, key: str, data: Any) -> Order:
        try:
            seen = self._seal().loads(data["seen"]) if data.get("seen") else None
        except BadSignature:
            abort(400, "This form was not made here. Nothing was changed: open it again.")
        return Order(
            action=action,
            key=key,
            data=data,
            seen=seen,
            request_id=(data.get("request_id") or "")[:64] or None,
            address=request.remote_addr or "",
        )

    def _seal(self) -> URLSafeSerializer:
        salt = f"flask-platform-users.seen.{self.door.extension.name}"
        return URLSafeSerializer(secret_keys(), salt=salt)
