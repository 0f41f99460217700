"""The page "Platform Users": what it needs to know of this product."""

from typing import Any

from flask_platform_users import (
    Block,
    Column,
    Count,
    Impersonation,
    PlatformUsers,
    Policy,
    Status,
    Users,
    with_defaults,
)

from .activity import inbox
from .filters import cards, filters, views
from .languages import lazily
from .models import Campaign, Channel, Contact, TeamMember, Template, User, WhatsAppNumber, db
from .onboarding import SendOnboardingEmail
from .plans import billing
from .trial import ExtendTrial


class ProductPolicy(Policy):
    """Owners may do everything on their platform; staff what they were given."""

    def platform_of(self, actor: User) -> int | None:
        """Return the platform that this person helps to run."""
        return actor.platform_id if actor.runs_platform else None

    def allows(self, actor: User, action: str, user: Any = None) -> bool:  # noqa: ARG002
        """Return whether this person may do the action."""
        return actor.is_platform_owner or action in actor.permissions

    def timezone_of(self, actor: User) -> str | None:
        """Return the time zone that this person chose."""
        return actor.timezone

    def language_of(self, user: User) -> str | None:
        """Return the language that this person chose."""
        return user.language

    def declines_impersonation(self, actor: User, user: User) -> str | None:  # noqa: ARG002
        """Return the sentence that stops support where the user does not want them."""
        if user.open_to_support:
            return None
        return (
            f"{user.username} does not let support open their account. They can allow it in their "
            "settings, under “Support access”."
        )


platform_users = PlatformUsers(
    db,
    users=Users(
        User,
        platform=User.platform_id,
        username=User.username,
        email=User.email,
        phone=User.phone,
        role=User.role,
        roles=("owner", "staff", "admin", "manager", "agent"),
        status=Status.column(User.status),
        last_login=User.last_login_at,
        created=User.created_at,
        signed_out=User.signed_out_at,
    ),
    channels=[
        Count(
            "whatsapp",
            WhatsAppNumber.user_id,
            platform=WhatsAppNumber.platform_id,
            label="WhatsApp (WABA)",
        ),
        Count(
            "webchat",
            Channel.user_id,
            where=Channel.kind == "webchat",
            platform=Channel.platform_id,
            label="Webchat",
        ),
        Count(
            "instagram",
            Channel.user_id,
            where=Channel.kind == "instagram",
            platform=Channel.platform_id,
            label="Instagram",
        ),
    ],
    usage=[
        Count("team_members", TeamMember.owner_id, label=lazily("Team members")),
        Count("contacts", Contact.owner_id, label=lazily("Contacts")),
        Count("templates", Template.owner_id, label=lazily("Templates")),
        Count("campaigns", Campaign.owner_id, label=lazily("Campaigns")),
    ],
    cards=cards,
    filters=filters,
    views=views,
    columns=[
        ...,
        Column(
            "company",
            User.company,
            label=lazily("Company"),
            cell="platform_users/cells/company.html",
            sort=True,
            search=True,
        ),
    ],
    billing=billing,
    actions=with_defaults(
        Block(reasons=["Subscription overdue", "Under review", "Spam"]),
        SendOnboardingEmail(),
        ExtendTrial(),
    ),
    panels=[..., inbox],
    policy=ProductPolicy(),
    api=True,
    impersonation=Impersonation(
        landing="product.home",
        reasons=["Asked for help by mail", "Checking a reported fault"],
        ticket="Support case",
        keeps=["language"],
        forbidden=["auth.confirm", "auth.password", "product.support_access"],
    ),
)
