"""The doors to an action: where people and programs get to it, and the table of them."""

from collections.abc import Iterator, Mapping, Sequence

DOORS = {
    "row": "R",
    "user_page": "D",
    "bulk": "B",
    "api": "A",
    "api_many": "a",
    "command": "C",
    "command_many": "c",
}
"""Each door with its letter in the table; a row is one of the list or of what was given by hand."""

EVERYWHERE = "RDBAaCc"
NO_DOOR = "·"

DOORS_OF = {
    "set_status": EVERYWHERE,
    "block": EVERYWHERE,
    "unblock": EVERYWHERE,
    "sign_out": EVERYWHERE,
    "delete": EVERYWHERE,
    "restore": EVERYWHERE,
    "assign_plan": EVERYWHERE,
    "give_add_on": EVERYWHERE,
    "remove_add_on": EVERYWHERE,
    "extend_grant": "RAC",
    "keep_grant": "RAC",
    "lapse_grant": "RAC",
    "add_note": "RDAC",
    "remove_note": "DAC",
    "impersonate": "RD",
    "greet": EVERYWHERE,
}
"""The doors that each action has: the notes lead to their removal, a grant to what is done to it,
and nobody is seen as a user without a browser."""


def table(hosts: Sequence[str], found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield the lines of the table: by which doors each action was reached on each host."""
    legend = ", ".join(f"{letter} {door.replace('_', ' ')}" for door, letter in DOORS.items())
    yield f"{legend}; {NO_DOOR} the host has no such action"
    yield f"{'action':<16}" + "".join(f"{host:>14}" for host in hosts)
    for action in DOORS_OF:
        cells = (found[host].get(action, "") for host in hosts)
        yield f"{action:<16}" + "".join(f"{cell:>14}" for cell in cells)
