"""The table of ``docs/security.md``: which case has which test, or why it has none."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import during, ending, forms, gate, starting, surroundings
from .registry import tests_of

MODULES = (starting, during, ending, gate, forms, surroundings)
"""Where the tests are; importing them registers them."""

PAGE = Path(__file__).parent.parent.parent / "docs" / "security.md"
TESTS = Path(__file__).parent.parent
BEGIN, END = "<!-- cases: python -m tests.catalogue writes this table -->", "<!-- end of cases -->"

PARTS = {
    "B": "Beginning",
    "C": "While it goes on",
    "D": "Ending",
    "E": "Sessions of the blocked and the deleted",
    "F": "Tokens, methods, redirects, frames",
    "K": "Surroundings",
    "L": "Lifecycle",
    "M": "Privacy",
}

ABUSES = {
    "B1": "Seeing the product as oneself",
    "B2": "Seeing it as another owner, or without the right to",
    "B4": "Seeing it as somebody who could not sign in",
    "B5": "Seeing it as a user of another platform, or as somebody of both",
    "B6": "Seeing it as staff of the product",
    "B7": "Beginning from inside, in chains and loops, or twice",
    "B8": "Beginning by GET, a picture or a prefetch",
    "B9": "Beginning without a token, or with an old one",
    "B11": "Beginning from a sign-in that is not fresh",
    "B12": "Reasons that say nothing, or are code",
    "B13": "Beginning twice at the same moment",
    "B14": "Beginning where it is switched off",
    "B15": "A beginning that the history cannot keep",
    "B16": "Beginning a thousand times",
    "C1": "Going on when the time is over",
    "C2": "A change at that second, to the owner's own account",
    "C3": "An owner or user who was blocked, deleted, moved, demoted or signed out meanwhile",
    "C5": "A clock that is moved, a server in another zone",
    "C6": "Making it longer by using it",
    "C7": "Passing for freshly signed in",
    "C8": "A product that signs in anew and makes a real session of it",
    "C10": "Passwords, keys, cards and the like",
    "C11": "Changes by whoever only looks",
    "C12": "Running the platform from inside",
    "C13": "A cookie that remembers the user",
    "C14": "Traces on the user: last sign-in, counters, mails",
    "C15": "The real user being drawn into it",
    "C17": "Forms that were opened before it began",
    "C18": "Another address or browser with the same cookie",
    "C19": "A copied cookie",
    "C21": "Pages without the banner, answers spoilt by it",
    "C22": "A banner that breaks a strict policy, or runs what is in a name",
    "C24": "A loader that was replaced afterwards",
    "C25": "Open connections that outlast it",
    "C26": "The product's own records naming the wrong one",
    "D1": "Choosing whom one comes back as",
    "D3": "A marker that is left for whoever signs in next",
    "D4": "A cookie from during it, sent again",
    "D5": "Coming back to a power that was taken",
    "D6": "Stopping twice",
    "D7": "Stopping by GET",
    "D8": "A product that forces something else first",
    "D10": "The owner's own cookies after two rounds",
    "D11": "Forms of the user's, sent afterwards",
    "D14": "A browser that is closed without stopping",
    "E1": "A session that outlives a block",
    "E2": "A cookie that remembers somebody blocked",
    "E3": "A token of somebody blocked, or instead of a session",
    "E4": "Signed out everywhere, and in again",
    "E5": "A user who is gone in the middle of a page",
    "E7": "A block in the middle of a request",
    "E9": "A gate that cannot ask",
    "E10": "An unblock that makes active who was not",
    "F1": "Forms without the token, with a foreign, old or misplaced one",
    "F3": "Forms in another shape",
    "F5": "Forms from another site",
    "F6": "Questions of another origin",
    "F7": "Reading that writes",
    "F8": "Addresses that lead elsewhere",
    "F10": "Session cookies that others can read",
    "F11": "Being signed in by an address",
    "K1": "A database that is down",
    "K2": "A database that is slow",
    "K3": "An answer that was lost",
    "K4": "A database that cannot be written",
    "K5": "Two versions at once",
    "K6": "A migration that ran half",
    "K7": "A secret key that is missing, a server not in UTC",
    "K8": "An address that a browser claims",
    "K10": "Flask-Security, Flask-Principal and tokens beside it",
    "L1": "Deletion by mistake",
    "L2": "Deletion of more than was shown",
    "L5": "A plan that is gone while somebody has it",
    "L6": "Seats given to too many",
    "L7": "An owner who is gone",
    "L8": "A platform that is gone",
    "M2": "Search terms in the server's log",
    "M3": "Exports that nobody notices",
    "M4": "One platform told of another's",
    "M5": "The user told too little, or too much",
    "M6": "A person who is to be forgotten",
}

ELSEWHERE = {
    "F10": ["test_doctor.py::test_cookies_that_others_can_read_or_send_are_found"],
    "K6": ["test_doctor.py::test_what_is_missing_of_the_tables_is_a_fault"],
    "K7": [
        "test_checks.py::test_a_wrong_configuration_is_refused_with_a_sentence_that_names_the_remedy",
        "test_doctor.py::test_a_local_time_zone_matters_where_times_do_not_say_theirs",
    ],
    "L1": [
        "test_deletion.py::test_a_wrong_name_is_refused_and_what_was_typed_stays",
        "test_deletion_hosts.py::test_a_deleted_user_is_out_of_everything_until_restored_or_purged",
    ],
    "L2": [
        "test_deletion.py::test_the_form_shows_what_goes_with_the_user",
        "test_deletion.py::test_purge_deletes_the_row_with_its_cascades_and_keeps_the_history",
    ],
}
"""Cases whose tests stand with what they are about."""

NOT_APPLICABLE = {
    "K2": "How long a statement may take is a setting of the host's database and server.",
    "L6": "Seats are not sold by the plugin: nothing of it counts towards a quota.",
    "M2": "Searches are GET requests, so that they can be linked and go back; the host's server "
    "decides what of an address it logs.",
    "M3": "There is no export of users. The history's is a read like any other, and reading writes "
    "nothing.",
}


def sentence(node: str) -> str:
    """Return what a test of another file says."""
    return node.partition("::test_")[2].replace("_", " ")


def rows() -> Iterator[tuple[str, str, str]]:
    """Return each case with its tests, or why it has none."""
    for number, abuse in ABUSES.items():
        if number in NOT_APPLICABLE:
            yield number, abuse, f"*Does not apply.* {NOT_APPLICABLE[number]}"
        else:
            own = [_shown(test.sentence, test.hosts) for test in tests_of(number)]
            own += [f"{sentence(node)} (`{node.partition(':')[0]}`)" for node in _others(number)]
            yield number, abuse, "; ".join(own)


def _shown(said: str, hosts: tuple[str, ...]) -> str:
    return said if len(hosts) == 4 else f"{said} ({', '.join(hosts)})"


def _others(number: str) -> Iterable[str]:
    return ELSEWHERE.get(number, ())


def table() -> str:
    """Return it as Markdown."""
    lines = [BEGIN, ""]
    part = ""
    for number, abuse, tests in rows():
        if number[0] != part:
            part = number[0]
            module = next(
                (
                    m.__name__.rpartition(".")[2]
                    for m in MODULES
                    if f"Part {part}" in (m.__doc__ or "")
                ),
                "surroundings",
            )
            lines += ["", f"### {part}. {PARTS[part]} (`tests/catalogue/{module}.py`)", ""]
            lines += ["| | Abuse or fault | What the tests say |", "|---|---|---|"]
        lines.append(f"| {number} | {abuse} | {tests} |")
    return "\n".join([*lines, "", END])


def page_with(new: str) -> str:
    """Return the page with another table in it."""
    old = PAGE.read_text()
    return re.sub(f"{BEGIN}.*{END}", lambda _: new, old, flags=re.DOTALL)
