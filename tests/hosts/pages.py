"""Plain pages of a product, the same on several hosts, for who is taken for whom on them."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template_string,
    request,
)
from flask.typing import ResponseReturnValue
from flask_login import (
    confirm_login,
    current_user,
    fresh_login_required,
    login_fresh,
    login_required,
    login_user,
    logout_user,
    user_logged_in,
)
from flask_wtf.csrf import generate_csrf

from flask_platform_users import Impersonation, PlatformUsers
from flask_platform_users.impersonation import Receipt

RECEIPTS: list[Receipt] = []
"""What the hosts were told of impersonations that ended."""

IMPERSONATION = Impersonation(
    landing="home", forbidden=("product.billing_*",), ended=RECEIPTS.append
)

PAGE = "<!doctype html><html><head><title>Page</title></head><body><p>{}</p></body></html>"


@dataclass
class Product:
    """What the pages saw.

    Attributes:
        acted: as whom each change was made.
        signed_in: who signed in, as its mails and counters would know it.
        forced: whether everybody has to change their password before anything else.
        meanwhile: what happens while a page is being made.
    """

    acted: list[str | None] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)
    forced: bool = False
    meanwhile: Callable[[], object] = int


def product_of(app: Flask) -> Product:
    """Return what an app's pages saw."""
    found: Product = app.extensions["product"]
    return found


def key_of(person: Any) -> str:
    """Return the primary key of a person."""
    return str(sa.inspect(person).identity[0])


def me() -> str | None:
    """Return the primary key of whoever this request is taken to come from."""
    person = current_user._get_current_object()
    return key_of(person) if person.is_authenticated else None


def add_pages(app: Flask, find: Callable[[int], Any]) -> None:
    """Add the pages to a host; ``find`` returns a person by the primary key."""
    product = app.extensions["product"] = Product()
    pages = Blueprint("product", __name__, url_prefix="/product")

    def note_sign_in(_: Flask, user: Any, **__: Any) -> None:
        product.signed_in.append(key_of(user))

    user_logged_in.connect(note_sign_in, app, weak=False)

    @app.before_request
    def force() -> ResponseReturnValue | None:
        if product.forced and current_user.is_authenticated and request.path != "/product/forced":
            return redirect("/product/forced")
        return None

    @app.errorhandler(418)
    def teapot(_: Exception) -> ResponseReturnValue:
        return PAGE.format("This product is a teapot."), 418

    add_reading(pages, product)
    add_changing(pages, product, find)
    app.register_blueprint(pages)


def add_reading(pages: Blueprint, product: Product) -> None:
    """Add pages that change nothing."""

    @pages.get("/who")
    def who() -> ResponseReturnValue:
        (extension,) = current_app.extensions["platform_users"].values()
        seen_as = getattr(extension, "seen_as", None)
        by = seen_as and seen_as.actor_name
        return jsonify(who=me(), fresh=login_fresh(), by=by)

    @pages.get("/form")
    def form() -> str:
        return f'<input type="hidden" name="csrf_token" value="{generate_csrf()}">'

    @pages.get("/page")
    @login_required  # type: ignore[untyped-decorator]
    def page() -> str:
        product.meanwhile()
        return PAGE.format(me())

    @pages.get("/own-banner")
    @login_required  # type: ignore[untyped-decorator]
    def own_banner() -> str:
        call = "{{ platform_users_banner() if platform_users_banner is defined }}"
        return render_template_string(PAGE.format(call))

    @pages.get("/strict")
    def strict() -> Response:
        response = Response(PAGE.format("strict"))
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    @pages.get("/fragment")
    def fragment() -> str:
        return "<p>A part of a page.</p>"

    @pages.get("/stream")
    def stream() -> Response:
        return Response(iter(["<body>", "streamed", "</body>"]), mimetype="text/html")

    @pages.get("/gzip")
    def packed() -> Response:
        body = gzip.compress(PAGE.format("packed").encode())
        return Response(body, headers={"Content-Encoding": "gzip"}, mimetype="text/html")

    @pages.get("/csv")
    def table() -> Response:
        return Response("a,</body>\r\n", mimetype="text/csv")

    @pages.get("/teapot")
    def fail() -> str:
        abort(418)

    @pages.get("/fresh")
    @fresh_login_required  # type: ignore[untyped-decorator]
    def fresh() -> str:
        return "Your recovery codes"

    @pages.get("/forced")
    def forced() -> str:
        return PAGE.format("Change your password first.")


def add_changing(pages: Blueprint, product: Product, find: Callable[[int], Any]) -> None:
    """Add what changes something, and what nobody else may do."""

    def act() -> str:
        product.acted.append(me())
        return "done"

    methods = ["POST", "PUT", "PATCH", "DELETE"]
    pages.add_url_rule("/note", "note", login_required(act), methods=methods)
    # Called like the files of a blueprint, and none of them.
    pages.add_url_rule("/static", "static", login_required(act), methods=methods)
    both = ["GET", "POST"]
    for name in ("secrets", "invitations"):
        view = PlatformUsers.forbid_while_impersonating(act)
        pages.add_url_rule(f"/{name}", f"{name}_sensitive", view, methods=both)
    for name in ("card", "address"):
        pages.add_url_rule(f"/{name}", f"billing_{name}_sensitive", act, methods=both)

    @pages.post("/password")
    @login_required  # type: ignore[untyped-decorator]
    def password() -> str:
        remember = "remember" in request.form
        login_user(current_user._get_current_object(), remember=remember)
        return "changed"

    @pages.post("/confirm")
    @login_required  # type: ignore[untyped-decorator]
    def confirm() -> str:
        confirm_login()
        return "confirmed"

    @pages.post("/sign-in")
    def sign_in() -> str:
        remember = "remember" in request.form
        login_user(find(int(request.form["user"])), remember=remember)
        return "in"

    @pages.post("/sign-out")
    def sign_out() -> str:
        logout_user()
        return "out"
