"""The accounts that try the product out: seeded, printed at the start, offered at /login."""

from dataclasses import dataclass

PASSWORD = "demo"  # noqa: S105  # everyone may know it


@dataclass(frozen=True)
class SignIn:
    """One account with the password "demo"."""

    email: str
    name: str
    role: str
    platform: str
    note: str
    timezone: str | None = None


SIGN_INS = (
    SignIn("owner@acme.example", "Ada Holm", "owner", "acme", "owns Acme Connect", "Europe/Berlin"),
    SignIn("staff@acme.example", "Jonas Weber", "staff", "acme", "staff, may look but not act"),
    SignIn("user@acme.example", "Mira Castellanos", "admin", "acme", "an ordinary user"),
    SignIn("support@acme.example", "Noor Aziz", "staff", "acme", "staff, may log in as users"),
    SignIn(
        email="owner@globex.example",
        name="Henri Dubois",
        role="owner",
        platform="globex",
        note="owns Globex Chat",
        timezone="America/New_York",
    ),
    SignIn(
        email="owner@initech.example",
        name="Priya Raman",
        role="owner",
        platform="initech",
        note="owns Initech Talk",
        timezone="Asia/Kolkata",
    ),
)

PERMISSIONS = {"support@acme.example": ["view", "impersonate"]}
"""What staff may do on the page Platform Users, where that is more than to look."""
