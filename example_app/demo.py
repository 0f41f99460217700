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


SIGN_INS = (
    SignIn("owner@acme.example", "Ada Holm", "owner", "acme", "owns Acme Connect"),
    SignIn("staff@acme.example", "Jonas Weber", "staff", "acme", "staff, may look but not act"),
    SignIn("user@acme.example", "Mira Castellanos", "admin", "acme", "an ordinary user"),
    SignIn("support@acme.example", "Noor Aziz", "staff", "acme", "staff, may log in as users"),
    SignIn("owner@globex.example", "Henri Dubois", "owner", "globex", "owns Globex Chat"),
    SignIn("owner@initech.example", "Priya Raman", "owner", "initech", "owns Initech Talk"),
)

PERMISSIONS = {"support@acme.example": ["view", "impersonate"]}
"""What staff may do on the page Platform Users, where that is more than to look."""
