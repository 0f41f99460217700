"""Unlike host products, each with a schema, a login and a layout of its own."""

from . import (
    a_enum,
    b_timestamps,
    c_membership,
    d_strings,
    e_token,
    e_token_babel,
    f_binds,
    g_security,
)
from .interface import ADD_ONS, NOON, OWNER, PLANS, Abilities, Host, Key, Login, Person, Sold

HOSTS: dict[str, Host] = {
    host.NAME: host
    for host in (
        a_enum,
        b_timestamps,
        c_membership,
        d_strings,
        e_token,
        e_token_babel,
        f_binds,
        g_security,
    )
}

__all__ = [
    "ADD_ONS",
    "HOSTS",
    "NOON",
    "OWNER",
    "PLANS",
    "Abilities",
    "Host",
    "Key",
    "Login",
    "Person",
    "Sold",
]
