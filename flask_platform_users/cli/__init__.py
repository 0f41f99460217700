"""``flask platform-users …``: what is done from a terminal.

Commands that act on a user name the person who acts (``--as``) and run the very objects that the
page runs. The others, such as ``tick``, are the system's own.

Every command exits with 0 if it was done or nothing was to do, with 1 if it was refused or failed,
with 2 if it was called in a way that cannot be meant, and with 3 if it was done to many users, some
of whom were left out.
"""

from flask.cli import AppGroup

from ..doctor import doctor
from ..suggest import suggest
from .audit import audit
from .fronts import FRONTS
from .jobs import jobs, undo
from .run import run
from .settling import purge, tick
from .users import history, list_users, show

commands = AppGroup(
    "platform-users",
    help="Look after the users of all platforms. Exits with 0 if it was done or nothing was to do, "
    "with 1 if it was refused or failed, with 2 if it was called wrongly, with 3 if it was done to "
    "many users, some of whom were left out.",
)
for command in (
    list_users,
    show,
    history,
    run,
    *FRONTS,
    undo,
    jobs,
    tick,
    purge,
    audit,
    suggest,
    doctor,
):
    commands.add_command(command)

__all__ = ["commands"]
