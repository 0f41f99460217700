"""Signing in and out."""

import re
from functools import cache

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import (
    LoginManager,
    confirm_login,
    current_user,
    login_required,
    login_user,
    logout_user,
)
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import EmailField, PasswordField, ValidationError
from wtforms.validators import InputRequired, Length, Regexp
from wtforms.widgets import PasswordInput

from . import demo
from .models import User, db, utc_now
from .platform_users import platform_users

WRONG = "This email and password do not belong together."
PENDING = "This account awaits confirmation. Follow the link in the invitation first."

pages = Blueprint("auth", __name__)
login_manager = LoginManager()
login_manager.login_view = "auth.login"
login_manager.login_message = None
login_manager.refresh_view = "auth.confirm"
login_manager.needs_refresh_message = None


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Return the signed-in person with the platform that every page shows."""
    return db.session.get(User, int(user_id), options=[joinedload(User.platform)])


class LoginForm(FlaskForm):  # type: ignore[misc]
    """Email and password."""

    email = EmailField(
        "Email",
        filters=[lambda text: (text or "").strip().lower()],
        validators=[
            InputRequired("Enter your email."),
            Length(max=190, message="An email has at most 190 characters."),
            Regexp(r"[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+\Z", message="Enter a complete email."),
        ],
        render_kw={"autocomplete": "username"},
    )
    password = PasswordField(
        "Password",
        validators=[
            InputRequired("Enter your password."),
            Length(max=200, message="A password has at most 200 characters."),
        ],
        render_kw={"autocomplete": "current-password"},
    )


class ConfirmForm(FlaskForm):  # type: ignore[misc]
    """The password of whoever is signed in."""

    now = PasswordField(
        "Present password",
        validators=[InputRequired("Enter your present password.")],
        render_kw={"autocomplete": "current-password"},
    )

    def validate_now(self, field: PasswordField) -> None:
        """Refuse whoever does not know it."""
        if not check_password_hash(current_user.password_hash, (field.data or "")[:200]):
            raise ValidationError("This is not your present password.")


class PasswordForm(ConfirmForm):
    """The password as it is, and as it shall be."""

    new = PasswordField(
        "New password",
        validators=[
            InputRequired("Enter a new password."),
            Length(min=12, max=200, message="A password has 12 to 200 characters."),
        ],
        render_kw={"autocomplete": "new-password"},
    )


@pages.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Show the sign-in form; sign in an active user whose password is right."""
    if current_user.is_authenticated:
        return redirect(url_for("product.home"))
    form = LoginForm()
    refusal, away, code = None, None, 200
    if form.validate_on_submit():
        user = user_with_password(form.email.data or "", form.password.data or "")
        if user is None:
            refusal, code = WRONG, 401
        elif not (answer := platform_users.may_sign_in(user)):
            away, code = answer, 403
        elif not user.is_active:
            refusal, code = PENDING, 403
        else:
            login_user(user)
            if user.language:
                session["language"] = user.language
            user.last_login_at = utc_now()
            db.session.commit()
            return redirect(local_path(request.args.get("next")) or url_for("product.home"))
    elif request.method == "GET":
        prefill(form, request.args.get("as"))
        away = platform_users.turned_away
    page = render_template(
        "login.html", form=form, refusal=refusal, away=away, sign_ins=demo.SIGN_INS
    )
    return page, code


@pages.post("/logout")
def logout() -> ResponseReturnValue:
    """Sign out, and forget everything that the session held."""
    logout_user()
    session.clear()
    flash("You are signed out.", "success")
    return redirect(url_for("auth.login"))


@pages.route("/confirm", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def confirm() -> ResponseReturnValue:
    """Ask for the password before what only somebody who signed in just now may do."""
    form = ConfirmForm()
    if form.validate_on_submit():
        confirm_login()
        return redirect(local_path(request.args.get("next")) or url_for("product.home"))
    return render_template("confirm.html", form=form)


@pages.route("/password", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def password() -> ResponseReturnValue:
    """Change the own password; whoever is only seen as this user cannot."""
    form = PasswordForm()
    if form.validate_on_submit():
        current_user.password_hash = generate_password_hash(form.new.data or "")
        db.session.commit()
        flash("Your password is changed.", "success")
        return redirect(url_for("product.settings"))
    return render_template("password.html", form=form)


def user_with_password(email: str, password: str) -> User | None:
    """Return the user if the password is right; an unknown email takes as long as a known one."""
    user = db.session.scalar(select(User).where(User.email == email))
    right = check_password_hash(user.password_hash if user else _nobodys_hash(), password)
    return user if right else None


@cache
def _nobodys_hash() -> str:
    return generate_password_hash("")


def local_path(target: str | None) -> str | None:
    """Return the target if it is a path of this site in every browser's reading, else None."""
    if target and re.fullmatch(r"/(?!/)[^\\\x00-\x20\x7f]*", target):
        return target
    return None


def prefill(form: LoginForm, email: str | None) -> None:
    """Fill in one of the accounts that the sign-in page offers."""
    if any(sign_in.email == email for sign_in in demo.SIGN_INS):
        form.email.data = email
        form.password.data = demo.PASSWORD
        form.password.widget = PasswordInput(hide_value=False)
