"""The product's own pages: what a signed-in user works with every day."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from flask_wtf import FlaskForm
from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, Regexp

from .brand import stylesheet
from .models import (
    Campaign,
    Channel,
    Contact,
    Conversation,
    Message,
    Platform,
    TeamMember,
    Template,
    WhatsAppNumber,
    db,
    utc_now,
)
from .plans import subscription_of
from .platform_users import platform_users

CHANNELS = {"whatsapp": "WhatsApp", "webchat": "Webchat", "instagram": "Instagram"}
CONTACTS_PER_PAGE = 20
LARGEST_ID = 2**31 - 1

pages = Blueprint("product", __name__)


def without_control_characters(text: str | None) -> str:
    """Return the text without what no keyboard types; PostgreSQL refuses a NUL."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text or "").strip()


class ReplyForm(FlaskForm):  # type: ignore[misc]
    """An answer to a conversation."""

    body = TextAreaField(
        "Reply",
        filters=[without_control_characters],
        validators=[
            DataRequired("Write something first."),
            Length(max=2000, message="A message has at most 2,000 characters."),
        ],
        render_kw={"rows": 2, "placeholder": "Write a reply"},
    )


class ProfileForm(FlaskForm):  # type: ignore[misc]
    """What users may change about themselves."""

    username = StringField(
        "Name",
        filters=[without_control_characters],
        validators=[
            DataRequired("Enter your name."),
            Length(max=80, message="A name has at most 80 characters."),
        ],
        render_kw={"autocomplete": "name"},
    )
    phone = StringField(
        "Phone",
        filters=[without_control_characters],
        validators=[
            Optional(),
            Regexp(r"\+[0-9 ]{6,24}\Z", message="Write it like +44 7700 900123."),
        ],
        render_kw={"autocomplete": "tel", "inputmode": "tel"},
    )


class SupportForm(FlaskForm):  # type: ignore[misc]
    """Whether support may see the product as the user does."""

    open_to_support = BooleanField("Support may open my account")


@pages.get("/brand/<slug>.css")
def brand(slug: str) -> Response:
    """Return the colours of a platform; a strict Content-Security-Policy allows no style inline."""
    platform = db.first_or_404(select(Platform).where(Platform.slug == slug))
    response = make_response(stylesheet(platform.color))
    response.mimetype = "text/css"
    response.cache_control.public = True
    response.cache_control.max_age = 24 * 60 * 60
    response.add_etag()
    response.make_conditional(request)
    return response


@pages.get("/")
@login_required  # type: ignore[untyped-decorator]
def home() -> ResponseReturnValue:
    """Show the user's channels, counts, latest conversations and campaigns."""
    return render_template(
        "home.html",
        channels=connected_channels(),
        counts={
            "Contacts": count(Contact),
            "Templates": count(Template),
            "Campaigns": count(Campaign),
            "Team members": count(TeamMember),
        },
        conversations=latest_conversations(8),
        campaigns=db.session.scalars(
            select(Campaign)
            .where(Campaign.owner_id == current_user.id)
            .order_by(Campaign.sends_at.desc(), Campaign.id)
            .limit(3)
        ).all(),
    )


@pages.route("/inbox", methods=["GET"], defaults={"conversation_id": None})
@pages.route(f"/inbox/<int(max={LARGEST_ID}):conversation_id>", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def inbox(conversation_id: int | None) -> ResponseReturnValue:
    """Show the user's conversations, one of them opened; take a reply to it."""
    opened = conversation_of_user(conversation_id) if conversation_id is not None else None
    form = ReplyForm()
    if opened is not None and form.validate_on_submit():
        reply(opened, form.body.data or "")
        db.session.commit()
        return redirect(url_for("product.inbox", conversation_id=opened.id))
    conversations = latest_conversations(40)
    shown = opened or next(iter(conversations), None)
    messages = (
        db.session.scalars(
            select(Message)
            .where(Message.conversation_id == shown.id)
            .order_by(Message.sent_at, Message.id)
        ).all()
        if shown is not None
        else []
    )
    return render_template(
        "inbox.html",
        conversations=conversations,
        opened=opened,
        shown=shown,
        messages=messages,
        form=form,
    )


@pages.get("/contacts")
@login_required  # type: ignore[untyped-decorator]
def contacts() -> ResponseReturnValue:
    """Show the user's contacts by name, page by page; find some by name, email or phone."""
    query = without_control_characters(request.args.get("q"))[:80]
    statement = select(Contact).where(Contact.owner_id == current_user.id)
    if query:
        statement = statement.where(
            or_(
                Contact.name.icontains(query, autoescape=True),
                Contact.email.icontains(query, autoescape=True),
                Contact.phone.icontains(query, autoescape=True),
            )
        )
    page = db.paginate(
        statement.order_by(Contact.name, Contact.id),
        page=min(max(request.args.get("page", 1, type=int), 1), 10_000),
        per_page=CONTACTS_PER_PAGE,
        error_out=False,
    )
    return render_template("contacts.html", page=page, query=query)


@pages.get("/team")
@login_required  # type: ignore[untyped-decorator]
def team() -> ResponseReturnValue:
    """Show the people who answer for the user."""
    members = db.session.scalars(
        select(TeamMember)
        .where(TeamMember.owner_id == current_user.id)
        .order_by(TeamMember.name, TeamMember.id)
    ).all()
    return render_template("team.html", members=members)


@pages.route("/settings", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
def settings() -> ResponseReturnValue:
    """Show and change the profile; show channels, plan and how much of it is used."""
    form = ProfileForm(obj=current_user)
    if form.validate_on_submit():
        current_user.username = form.username.data
        current_user.phone = form.phone.data or None
        db.session.commit()
        flash("Your profile is saved.", "success")
        return redirect(url_for("product.settings"))
    channels = connected_channels()
    subscription = subscription_of(current_user.id)
    usage: list[tuple[str, int, int | None]] = []
    if subscription is not None:
        plan = subscription.plan
        usage = [
            ("Channels", len(channels), plan.max_channels),
            ("Contacts", count(Contact), plan.max_contacts),
            ("Team members", count(TeamMember), plan.max_team_members),
        ]
    return render_template(
        "settings.html",
        form=form,
        support=SupportForm(obj=current_user, prefix="support-"),
        looks=platform_users.impersonations_of(current_user),
        channels=channels,
        subscription=subscription,
        usage=usage,
    )


@pages.post("/settings/support")
@login_required  # type: ignore[untyped-decorator]
def support_access() -> ResponseReturnValue:
    """Let support open the account, or not; who is looking at it just now is out with that."""
    form = SupportForm(prefix="support-")
    if form.validate_on_submit():
        current_user.open_to_support = form.open_to_support.data
        db.session.commit()
        said = "Support may" if current_user.open_to_support else "Nobody of support may"
        flash(f"{said} open your account.", "success")
    return redirect(url_for("product.settings"))


def count(model: type[Contact | Template | Campaign | TeamMember]) -> int:
    """Return how many rows of a model the user owns."""
    statement = select(func.count()).select_from(model).where(model.owner_id == current_user.id)
    return db.session.scalar(statement) or 0


def connected_channels() -> list[tuple[str, str, str]]:
    """Return kind, name and address of each channel that the user connected."""
    numbers = db.session.scalars(
        select(WhatsAppNumber)
        .where(WhatsAppNumber.user_id == current_user.id)
        .order_by(WhatsAppNumber.id)
    )
    others = db.session.scalars(
        select(Channel)
        .where(Channel.user_id == current_user.id)
        .order_by(Channel.kind.desc(), Channel.id)
    )
    return [("whatsapp", number.name, number.phone) for number in numbers] + [
        (channel.kind, channel.name, CHANNELS[channel.kind]) for channel in others
    ]


def latest_conversations(limit: int) -> list[Conversation]:
    """Return the user's latest conversations, their contacts loaded."""
    return list(
        db.session.scalars(
            select(Conversation)
            .where(Conversation.owner_id == current_user.id)
            .options(joinedload(Conversation.contact))
            .order_by(Conversation.latest_at.desc(), Conversation.id.desc())
            .limit(limit)
        )
    )


def conversation_of_user(conversation_id: int) -> Conversation:
    """Return a conversation of the signed-in user; anyone else's is not found."""
    conversation = db.session.get(Conversation, conversation_id)
    if conversation is None or conversation.owner_id != current_user.id:
        abort(404)
    return conversation


def reply(conversation: Conversation, body: str) -> None:
    """Add an outgoing message to a conversation."""
    now = utc_now()
    db.session.add(Message(conversation_id=conversation.id, outgoing=True, body=body, sent_at=now))
    conversation.preview = body[:160]
    conversation.latest_at = now
    conversation.unread = 0


@pages.app_template_filter("ago")
def ago(moment: datetime) -> str:
    """Say how long ago a moment was: "5 min ago", "3 h ago", then its date."""
    minutes = int((utc_now() - moment).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 24 * 60:
        return f"{minutes // 60} h ago"
    return day(moment)


@pages.app_template_filter("day")
def day(moment: datetime) -> str:
    """Write a date like "4 Mar 2026"."""
    return f"{moment.day} {moment:%b %Y}"


@pages.app_template_filter("money")
def money(amount: Decimal, currency: str) -> str:
    """Write an amount like "EUR 1,249.00"."""
    return f"{currency} {amount:,.2f}"


@pages.app_context_processor
def channel_labels() -> dict[str, Any]:
    """Give every template the names of the channels."""
    return {"channel_labels": CHANNELS}
