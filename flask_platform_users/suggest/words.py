"""The words by which products of this kind call the same things."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")


def words_of(name: str) -> tuple[str, ...]:
    """Split a name, in snake or camel case, into lower-case words."""
    return tuple(word.lower() for word in _WORD.findall(name))


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def holds(words: Sequence[str], entry: str) -> bool:
    """Say whether words have those of an entry in a row."""
    wanted = tuple(entry.split())
    return any(tuple(words[at : at + len(wanted)]) == wanted for at in range(len(words)))


@dataclass(frozen=True)
class Vocabulary:
    """What a column may be called, the likeliest first.

    Attributes:
        whole: names as a whole.
        within: words that may stand anywhere in a name; they count for less.
        never: words of names that mean something else.
    """

    whole: tuple[str, ...]
    within: tuple[str, ...] = ()
    never: frozenset[str] = frozenset()

    def rank(self, name: str) -> int | None:
        """Return how well a name fits, 0 being best; None where it does not."""
        words = words_of(name)
        if self.never.intersection(words):
            return None
        if " ".join(words) in self.whole:
            return self.whole.index(" ".join(words))
        for place, entry in enumerate(self.within):
            if holds(words, entry):
                return len(self.whole) + place
        return None


_SECOND_FACTOR = frozenset({"tf", "totp", "otp", "factor", "mfa"})

USERNAME = Vocabulary(
    whole=("username", "user name", "handle", "nickname", "nick", "screen name", "display name",
           "full name", "name", "login", "login name", "account name"),
    within=("username", "nickname", "display name", "full name"),
    never=_SECOND_FACTOR,
)  # fmt: skip
EMAIL = Vocabulary(
    whole=("email", "email address", "mail", "e mail", "mail address"),
    within=("email", "mail"),
    never=frozenset({"verified", "confirmed", "token", "new", "pending", "recovery", "backup"}),
)
ADDRESS = Vocabulary(whole=("address", "contact"))
PHONE = Vocabulary(
    whole=("phone", "phone number", "mobile", "mobile number", "tel", "telephone", "cell",
           "cellphone", "msisdn", "whatsapp", "whatsapp number"),
    within=("phone", "mobile", "tel", "telephone", "msisdn"),
    never=_SECOND_FACTOR | {"verified", "confirmed", "code", "country", "prefix", "extension"},
)  # fmt: skip
ROLE = Vocabulary(
    whole=("role", "user role", "account role", "job", "user type", "account type", "position",
           "member type", "type", "kind"),
    within=("role",),
)  # fmt: skip
RANK = Vocabulary(whole=("level", "rank", "access level", "privilege", "privileges", "tier"))
MANY_ROLES = Vocabulary(whole=("roles", "user roles", "groups", "role"), within=("roles",))
ROLE_NAME = Vocabulary(whole=("name", "title", "slug", "code", "key", "label"))
STATUS = Vocabulary(
    whole=("status", "state", "user status", "user state", "account status", "account state",
           "member status", "membership status", "standing", "lifecycle", "lifecycle state"),
    within=("status", "state"),
    never=frozenset({"login", "payment", "billing", "subscription", "email", "online", "sync",
                     "country", "address", "delivery", "marital", "kyc"}),
)  # fmt: skip
LAST_LOGIN = Vocabulary(  # Flask-Security and Devise keep the latest sign-in as the current one
    whole=("current login at", "current sign in at", "last login at", "last login",
           "last sign in at", "login at", "logged in at", "logged in", "last seen at",
           "last seen", "seen at", "seen", "last active at", "last activity at", "last active"),
    within=("login", "logged in", "sign in", "signed in", "seen", "last active", "last activity",
            "last visit"),
    never=_SECOND_FACTOR | {"failed", "token", "password", "link"},
)  # fmt: skip
CREATED = Vocabulary(
    whole=("created at", "created", "created on", "create datetime", "date created",
           "signed up at", "signed up", "registered at", "registered", "registered on",
           "joined at", "joined", "date joined", "member since", "since", "made at",
           "inserted at"),
    within=("created", "create", "signed up", "registered", "joined", "since", "made"),
    never=_SECOND_FACTOR | {"token", "password"},
)  # fmt: skip
KIND = Vocabulary(
    whole=("kind", "type", "channel", "channel type", "channel kind", "provider", "medium",
           "network", "service", "source", "category"),
)  # fmt: skip

PLATFORM = _set(
    """
    platform tenant workspace brand site organization organisation org company reseller agency
    partner house store shop business community realm whitelabel instance
    """
)
NO_PLATFORM = _set(
    """
    role plan country language locale currency address avatar image file subscription invite
    invitation timezone manager parent referrer department group
    """
)
"""What a user may point at without belonging to it."""
RUNS = _set("runs run owns owner owned manages managed admin administers leads heads")
"""Words before a platform's name that tell of who runs it, not of who belongs to it."""
PASSING = _set("default current active last preferred selected previous home")
"""Words before a platform's name that tell where somebody is for the moment."""
MEMBERSHIP = _set("member membership memberships seat participant enrollment")
OWNER_FLAG = Vocabulary(
    whole=("is owner", "is platform owner", "owner", "platform owner", "is tenant owner",
           "is workspace owner", "is org owner", "is admin", "is platform admin"),
    within=("owner",),
)  # fmt: skip

STATUS_WORDS: dict[str, tuple[str, ...]] = {
    "active": ("active", "live", "enabled", "on", "ok", "normal", "good", "approved", "verified",
               "confirmed", "registered", "activated", "current", "open"),
    "inactive": ("inactive", "disabled", "closed", "paused", "off", "archived", "deactivated",
                 "cancelled", "canceled", "expired", "dormant", "left", "ended", "terminated",
                 "deleted", "removed", "churned", "offline"),
    "blocked": ("blocked", "banned", "suspended", "locked", "frozen", "barred", "spam", "abuse",
                "denied", "blacklisted", "restricted"),
    "pending": ("pending", "invited", "new", "unconfirmed", "unverified", "waiting", "draft",
                "onboarding", "incomplete", "created", "requested", "signup", "trialing"),
}  # fmt: skip
"""The words for each status; the first is what people would choose."""

SWITCHED_ON = frozenset({"active", "enabled", "activated"})
FINISHED = ("confirmed", "verified", "activated", "approved", "accepted", "onboarded")
OF_SOMETHING_ELSE = _set(
    """
    phone last tf two otp mfa sms until expires newsletter marketing tos terms token
    """
)
"""Words in the name of a flag or a moment that is not about the user as a whole."""

CHANNEL_KINDS: dict[str, tuple[str, ...]] = {
    "whatsapp": ("whatsapp", "whats app", "wa", "waba"),
    "webchat": ("webchat", "web chat", "live chat", "livechat", "chat widget", "widget", "web"),
    "instagram": ("instagram", "insta", "ig"),
    "messenger": ("messenger", "facebook", "fb"),
    "telegram": ("telegram", "tg"),
    "sms": ("sms",),
    "viber": ("viber",),
    "email": ("email inbox",),
}
CHANNEL_LABELS = {"whatsapp": "WhatsApp", "sms": "SMS"}
CHANNEL_TABLES = frozenset({"channel", "inbox", "connection", "line", "number", "phone"})
"""Words in the name of a table that keeps channels, of whichever kind."""
PHONE_TABLES = frozenset({"line", "number", "phone"})
"""Of those, what would be a WhatsApp number unless something says otherwise."""
ACCOUNT_WORDS = _set(
    """
    account number profile page connection channel line phone bot inbox business integration
    chat site
    """
)
"""What may follow a kind of channel in the name of a table of channels."""
ANYTHING = frozenset(["thing", "item", "object", "entity", "resource", "asset", "record"])
"""Names of tables that say nothing, so that their kinds are what is counted."""
ACTIVITY = _set(
    """
    conversation message ticket chat thread contact lead campaign broadcast template call post
    automation flow bot segment review order
    """
)
"""Names of tables that say through which channel something went, and are none themselves."""
COUNTER = frozenset({"count", "counts", "total", "num", "number", "numbers"})
NO_COUNTER = _set(
    """
    login logins failed attempts version level age status credits balance cents points seconds
    days minutes hours address
    """
)
HOUSEKEEPING = _set(
    """
    session token log audit event history authn password credential identity oauth login setting
    settings preference preferences notification permission role subscription invoice payment
    outgoing outbox queue job migration version device code
    """
)
"""Words in the name of a table that keeps what nobody counts on a page about users."""
IN_PASSING = _set(
    """
    by assigned assignee creator created updated approved approver reviewer invited inviter
    referrer referred sender changed deleted parent last
    """
)
"""Words in the name of a column that points at a user who does not own the row."""


def status_of(word: object) -> str | None:
    """Return the status that a host's word stands for; None where that cannot be told."""
    words = words_of(str(word))
    return next(
        (s for s, known in STATUS_WORDS.items() if " ".join(words) in known),
        next((s for s in STATUS_WORDS if s in words), None),
    )


def channel_of(words: Sequence[str]) -> str | None:
    """Return the kind of channel that words name; None where they name none."""
    return next(
        (
            kind
            for kind, names in CHANNEL_KINDS.items()
            if any(holds(words, name) for name in names)
        ),
        None,
    )


def rest_after_kind(words: Sequence[str], kind: str) -> set[str]:
    """Return the words of a name without those that name the kind."""
    spent = {word for name in CHANNEL_KINDS[kind] if holds(words, name) for word in name.split()}
    return set(words) - spent


def plural(words: Collection[str]) -> str:
    """Return the name of many, as a lower-case identifier."""
    *before, last = words
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    elif last.endswith(("s", "x", "ch", "sh")):
        last += "" if last.endswith("s") and not last.endswith("ss") else "es"
    else:
        last += "s"
    return "_".join([*before, last])
