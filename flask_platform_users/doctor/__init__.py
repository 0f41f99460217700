"""``flask platform-users doctor``: what a mounted host should know before its owners find out.

A check is a function ``check(extension, app)`` that yields findings; ``CHECKS`` in ``command`` is
the list of them. Nothing is written, neither to the database nor to the app.
"""

from .command import doctor

__all__ = ["doctor"]
