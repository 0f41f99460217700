"""The commands run the same actions as the page, by the same rules, and end in a code to trust."""

from typing import Any

import click
import pytest

from flask_platform_users import Action, Policy

from .conftest import on_host, on_hosts_where
from .hosts import PLANS
from .office import SOON, UNTIL, Office, verify
from .terminal import Said, login_id, run
from .world import World


class Terminal(Office):
    """An office whose owner sits at a terminal, too."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.login = login_id(world, self.owner)

    def run(self, *arguments: object, who: str | None = None, **options: Any) -> Said:
        """Run a command as the owner."""
        return run(self.world, *arguments, "--as", who or self.login, **options)


@pytest.fixture
def terminal(world: World) -> Terminal:
    return Terminal(world)


def test_a_user_is_blocked_and_unblocked_as_from_the_page(terminal: Terminal) -> None:
    terminal.do(
        "block",
        terminal.users["pending" if "pending" in terminal.users else "inactive"],
        reason="spam",
    )
    by_hand = terminal.events()[0]
    said = terminal.run("block", terminal.user, "--reason", "spam", "--until", UNTIL, "--yes")
    assert said.code == 0, said.err
    assert f"Block {terminal.name}?" in said.out
    assert terminal.status(terminal.user) == "blocked"
    (event, *_) = terminal.events()
    assert (event.action, event.outcome, event.reason) == ("block", "done", "spam")
    assert (event.actor, event.actor_name) == (by_hand.actor, by_hand.actor_name)
    assert event.address == "command line"
    assert event.changes["Blocked until"] == ("", f"{SOON:%Y-%m-%dT%H:%MZ}")
    said = terminal.run("unblock", terminal.name, "--json")
    assert (said.json["outcome"], said.json["user"]["status"]) == ("done", "active")
    assert said.json["seq"] == terminal.events()[0].seq
    verify(terminal)


@on_hosts_where(lambda can: can.many_roles or "phone" not in can.fields)
def test_the_list_shows_what_the_page_shows(terminal: Terminal) -> None:
    page = terminal.world.walk(terminal.client, status="active")
    said = terminal.run("list", "--status", "active", "--json")
    assert [user["name"] for user in said.lines] == [n for seen in page for n in seen.names]
    table = terminal.run("list", "--status", "active").out.splitlines()
    assert table[0].split()[:3] == ["No", "Key", "Username"]
    assert str(terminal.user) in "".join(table)
    assert len(table) == 1 + len(said.lines)
    assert len(terminal.run("list", "--limit", "1", "--json").lines) == 1
    assert terminal.run("list", "--status", "frozen").code == 2


@on_hosts_where(lambda can: can.shared_accounts or can.databases > 1)
def test_a_deletion_asks_for_the_name_and_is_taken_back(terminal: Terminal) -> None:
    ask = ("delete", terminal.user, "--reason", "left us")
    for typed in ("", "somebody else\n"):
        assert terminal.run(*ask, input=typed).code == 1
    assert terminal.told() == []
    assert terminal.run(*ask, input=f"{terminal.name}\n").code == 0
    shown = terminal.run("show", terminal.user, "--json").json
    assert shown["deleted_at"] is not None
    assert [u["key"] for u in terminal.run("list", "--status", "deleted", "--json").lines] == [
        shown["key"]
    ]
    assert terminal.run("restore", terminal.name).code == 0
    assert terminal.told() == [("delete", "done"), ("restore", "done")]


@on_host("d-strings")
def test_nothing_dangerous_is_done_without_a_yes(terminal: Terminal) -> None:
    ask = ("block", terminal.user, "--reason", "spam")
    assert terminal.run(*ask, input="n\n").code == 1
    assert terminal.run(*ask).code == 1, "nobody is there to answer"
    tried = terminal.run(*ask, "--dry-run", "--json")
    assert (tried.code, tried.json["outcome"], tried.json["seq"]) == (0, "dry_run", None)
    assert terminal.status(terminal.user) == "active"
    assert terminal.told() == []


@on_host("d-strings")
def test_a_command_that_cannot_be_meant_is_told_from_one_that_is_refused(
    terminal: Terminal,
) -> None:
    user = terminal.user
    for code, sentence, asked in (
        (1, "reason: Say why.", ("block", user, "--yes")),
        (1, "is not blocked", ("unblock", user)),
        (1, "There is active (Active)", ("set-status", user, "frozen")),
        (1, "There is no user “nobody”", ("show", "nobody")),
        (1, "There is no user “nobody”", ("block", "nobody", "--reason", "x", "--yes")),
        (2, "There is no action “end_block”", ("run", "end_block", user)),
        (2, "it has reason, until", ("run", "block", user, "--field", "rank=1")),
        (2, "--field reason has no value", ("run", "block", user, "--field", "reason")),
        (2, "--since: Not a valid date.", ("history", "--since", "yesterday")),
        (2, "--limit", ("list", "--limit", "-1")),
    ):
        said = terminal.run(*asked)
        assert (said.code, said.out) == (code, ""), asked
        assert sentence in said.err
    assert run(terminal.world, "list").code == 2
    assert terminal.told() == [("unblock", "refused")]


@on_hosts_where(lambda can: not can.owner_is_user)
def test_who_may_not_open_the_page_may_run_nothing(terminal: Terminal) -> None:
    world = terminal.world
    stranger = login_id(world, world.stranger())
    elsewhere = Terminal(world)
    for who, platform, sentence in (
        ("nobody at all", terminal.platform, "Nobody who could sign in"),
        (stranger, terminal.platform, "runs no platform"),
        (elsewhere.login, terminal.platform, "does not run platform"),
    ):
        said = terminal.run(
            "block", terminal.user, "--reason", "x", "--yes", "--platform", platform, who=who
        )
        assert (said.code, said.out) == (1, "")
        assert sentence in said.err
    said = elsewhere.run("block", terminal.user, "--reason", "x", "--yes")
    assert (said.code, said.out) == (1, ""), "nobody reaches another platform"
    assert terminal.status(terminal.user) == "active"
    assert terminal.told() == []


@on_hosts_where(lambda can: can.owner_is_user)
def test_who_runs_a_platform_as_a_user_is_named_by_key_or_email(world: World) -> None:
    terminal = Terminal(world)
    owner = terminal.run("show", terminal.owner.user, "--json").json
    for name in (owner["key"], owner["email"]):
        said = terminal.run("add-note", who=str(name))
        assert said.code == 2
        assert terminal.run("set-status", terminal.user, "inactive", who=str(name)).code == 0
        assert terminal.run("set-status", terminal.user, "active", who=str(name)).code == 0
    assert terminal.run("list", who=owner["email"].upper()).code == 1
    assert terminal.run("list", who=f"{owner['key']}x").code == 1
    assert terminal.run("block", terminal.owner.user, "--reason", "x", "--yes").code == 1
    world.block(terminal.platform, terminal.owner.user)
    said = terminal.run("set-status", terminal.user, "inactive")
    assert (said.code, said.out) == (1, "")
    assert "may not sign in. This account is blocked." in said.err


@on_host("b-timestamps")
def test_a_policy_may_name_people_in_its_own_way(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, asked = terminal.world, []
    load = world.app.login_manager.user_callback  # type: ignore[attr-defined]

    def find_actor(_: Policy, name: str, platform: Any = None) -> Any:
        asked.append((name, platform))
        return load(terminal.login) if name == "ops@brand.example" else None

    monkeypatch.setattr(type(world.extension.policy), "find_actor", find_actor)
    on = ("--platform", terminal.platform)
    assert terminal.run("list", *on, who="ops@brand.example").code == 0
    assert terminal.run("list", who=terminal.login).code == 0
    assert terminal.run("list", who="ops@elsewhere.example").code == 1
    assert asked[0] == ("ops@brand.example", terminal.platform)


@on_host("a-enum")
def test_staff_may_run_what_they_may_do_on_the_page(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allows(self: Policy, actor: Any, action: str, user: Any = None) -> bool:
        return action in {"view", "unblock"}

    terminal.do("delete", terminal.users["inactive"], reason="x", confirm="")
    monkeypatch.setattr(type(terminal.world.extension.policy), "allows", allows)
    assert terminal.run("list").code == 0
    assert terminal.run("list", "--status", "deleted").code == 2
    said = terminal.run("block", terminal.user, "--reason", "x", "--yes")
    assert (said.code, said.out) == (1, "")
    assert "You may not do this: block." in said.err
    assert terminal.told()[-1] == ("block", "refused")
    assert "may not do this: export" in terminal.run("audit", "export").err


@on_host("c-membership")
def test_a_name_that_several_bear_names_nobody(terminal: Terminal) -> None:
    world = terminal.world
    twins = [world.person(terminal.platform, "twin"), world.person(terminal.platform, "twin")]
    keys = world.add(*twins)
    other = Terminal(world)
    world.add(world.person(other.platform, "only there"))
    said = terminal.run("show", "twin")
    assert said.code == 1
    assert all(str(key) in said.err for key in keys)
    assert terminal.run("show", twins[0].email, "--json").json["key"] == keys[0]
    assert terminal.run("show", "only there").code == 1
    assert terminal.run("show", "TWIN").code == 1


@on_host("b-timestamps")
def test_what_is_in_a_name_does_nothing_to_the_terminal(terminal: Terminal) -> None:
    name = "\x1b[2Jeve\r\n\u202etxt.exe"
    terminal.world.add(terminal.world.person(terminal.platform, name))
    (user,) = terminal.run("list", "--search", "eve", "--json").lines
    said = [
        terminal.run("list", "--search", "eve"),
        terminal.run("show", user["key"]),
        terminal.run("block", user["key"], "--reason", "\x1b[31mred", "--yes"),
        terminal.run("block", user["key"], "--reason", "x", "--yes"),
        terminal.run("delete", user["key"], "--reason", "x", input="\n"),
        terminal.run("history", user["key"]),
    ]
    text = "".join(one.out + one.err for one in said)
    assert user["name"] == name
    assert "\\x1b[2Jeve\\r\\n\\u202etxt.exe" in text
    assert not {"\x1b", "\r", "\u202e"} & set(text)


@on_host("a-enum")
def test_what_changed_while_somebody_thought_is_not_overwritten(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confirm(*_: object, **__: object) -> bool:
        terminal.do("set_status", terminal.user, status="inactive")
        return True

    monkeypatch.setattr(click, "confirm", confirm)
    said = terminal.run("block", terminal.user, "--reason", "x")
    assert said.code == 1
    assert "Status was “Active” when you opened this form and is “Inactive” now." in said.err
    assert terminal.status(terminal.user) == "inactive"


@pytest.fixture
def shop(world: World) -> Terminal:
    terminal = Terminal(world)
    with world.app.app_context():
        world.host.open_shop(terminal.platform)
        world.host.subscribe(terminal.platform, terminal.user, PLANS[0].name)
    return terminal


@on_hosts_where(lambda can: can.add_ons and not can.shared_accounts)
def test_plans_and_add_ons_are_given_by_their_names(shop: Terminal) -> None:
    why = ("--reason", "as agreed", "--yes")
    said = shop.run("plan", shop.user, "Medium", "--until", UNTIL, *why)
    assert said.code == 0, said.err
    assert "Plan: Small → Medium" in said.out
    assert shop.run("show", shop.user, "--json").json["subscription"]["plan"] == "Medium"
    assert shop.run("addon", shop.user, "More contacts", *why).code == 0
    assert shop.run("addon", shop.user, "More contacts", "--remove", *why).code == 0
    said = shop.run("plan", shop.user, "Huge", *why)
    assert (said.code, said.out) == (1, "")
    assert "offer: Not a valid choice. There is" in said.err
    actions = ["assign_plan", "give_add_on", "remove_add_on"]
    assert [action for action, _ in shop.told()] == actions


@on_host("a-enum")
def test_actions_of_the_product_are_run_like_ours(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Greet(Action):
        name = "greet"
        label = "Greet"
        done = "greeted {user}"

        def perform(self, unit: Any) -> bool:
            return bool(unit.user.status != "inactive")

    extension = terminal.world.extension
    monkeypatch.setattr(extension, "actions", (*extension.actions, Greet()))
    said = terminal.run("run", "greet", terminal.user)
    assert said.code == 0
    assert said.out.endswith(f" greeted {terminal.name}.\n")
    said = terminal.run("run", "greet", terminal.users["inactive"])
    assert (said.code, said.out) == (0, "There was nothing to do.\n")
    shown = terminal.run("run", "add-note", terminal.user, "--field", "text=hello", "--json")
    assert shown.json["outcome"] == "done"
    assert "Note:" in terminal.run("show", terminal.user).out


@on_host("b-timestamps")
def test_the_history_is_told_and_handed_out(terminal: Terminal) -> None:
    terminal.do("block", terminal.user, reason="spam")
    terminal.do("unblock", terminal.user)
    said = terminal.run("history", terminal.name)
    first, *_ = said.out.splitlines()
    assert first.endswith(f" unblocked {terminal.name}.")
    assert "“spam”" in said.out
    told = terminal.run("history", "--json", "--limit", "1").lines
    assert [(event["action"], event["seq"]) for event in told] == [("unblock", 2)]
    assert terminal.run("history", "--action", "block", "--json").lines[0]["seq"] == 1
    said = terminal.run("audit", "export")
    assert [line.split(",")[3] for line in said.out.splitlines()] == [
        '"Did"',
        '"block"',
        '"unblock"',
    ]
    event = terminal.events()[0]
    assert (event.action, event.address) == ("export_history", "command line")
    assert event.changes == {"Rows": ("", "2")}
    verify(terminal)
