"""Every page and every state that it can be in: one table, which the gallery and axe go through."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

from .product import USERS
from .showroom import Showroom

Step = Callable[[Page, Showroom], None]


@dataclass(frozen=True, kw_only=True)
class State:
    """A page in a state.

    Attributes:
        name: what it is called, in the gallery and in the tests.
        path: its address below the page Platform Users; keys of the showroom stand in braces.
        who: whose browser opens it.
        then: what is done there until the state is reached.
        codes: what requests may be answered with on the way, beside 200.
        floats: whether it shows something that floats, so that only the window is looked at.
    """

    name: str
    path: str
    who: str = "owner"
    then: Step = field(default=lambda _page, _room: None)
    codes: tuple[int, ...] = ()
    floats: bool = False

    def reach(self, page: Page, room: Showroom) -> None:
        """Go there."""
        below = "" if self.path.startswith("//") else USERS
        path = self.path.removeprefix("/" if not below else "")
        page.goto(room.address + below + path.format(**room.keys))
        self.then(page, room)


def click(selector: str) -> Step:
    """Return a step that clicks at the first of what a selector finds."""
    return lambda page, _room: page.locator(selector).first.click()


def tick(number: int) -> Step:
    """Return a step that ticks so many users of a list."""

    def step(page: Page, _room: Showroom) -> None:
        for box in page.locator("tbody [name=key]").all()[:number]:
            box.check()

    return step


def send(**fields: str) -> Step:
    """Return a step that fills in a form and sends it past the browser's own checks."""

    def step(page: Page, _room: Showroom) -> None:
        form = page.locator("main form[method=post]").last
        for name, value in fields.items():
            place = form.locator(f"[name={name}]")
            if place.first.get_attribute("type") == "radio":
                form.locator(f"[name={name}][value={value}]").check()
            elif place.first.evaluate("field => field.tagName") == "SELECT":
                place.select_option(value)
            else:
                place.fill(value)
        form.evaluate("form => { form.noValidate = true }")
        form.locator("[type=submit]").first.click()

    return step


def keep(name: str) -> Step:
    """Return a step that keeps what the list is narrowed by under a name, unless it is kept."""

    def step(page: Page, _room: Showroom) -> None:
        if not page.locator(".pu-keep").count():
            return
        page.locator(".pu-keep summary").click()
        page.get_by_label("Name of the view").fill(name)
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator(".pu-tab[aria-current], #pu-view-fault").wait_for()

    return step


def asked(action: str, **fields: str) -> Step:
    """Return a step that asks for an action in a dialog, and sends what is filled in."""

    def step(page: Page, _room: Showroom) -> None:
        page.locator(f"[href*='/do/{action}/']").first.evaluate("link => link.click()")
        form = page.locator("#pu-dialog form")
        form.wait_for()
        for name, value in fields.items():
            form.locator(f"[name={name}]").fill(value)
        if fields:
            form.evaluate("form => { form.noValidate = true }")
            form.locator("[type=submit]").click()
            form.locator(".pu-summary").wait_for()

    return step


def overtaken(name: str) -> Step:
    """Return a step that sends a form about a user who has been changed meanwhile."""

    def step(page: Page, room: Showroom) -> None:
        room.overtake(name)
        send(status="pending")(page, room)

    return step


def rename(page: Page, _room: Showroom) -> None:
    """Try to change the name of whom the product is seen as."""
    page.locator("[name=username]").press("Enter")


def _form(action: str, who: str = "active", *, refused: bool = True, **fields: str) -> list[State]:
    """Return the form of an action as it opens, and as it comes back."""
    opened = State(name=f"form-{action}", path=f"/do/{action}/{{{who}}}")
    sent = State(
        name=f"form-{action}-errors",
        path=f"/do/{action}/{{{who}}}",
        then=send(**fields),
        codes=(400, 422),
    )
    return [opened, sent] if refused else [opened]


STATES: tuple[State, ...] = (
    State(name="list", path="/"),
    State(name="list-sorted", path="/?sort=last_login"),
    State(name="list-filtered", path="/?q=an&status=active&channel=whatsapp"),
    State(name="list-one-row", path="/?q=user@acme"),
    State(name="list-no-result", path="/?q=nobody-at-all&status=blocked"),
    State(name="list-not-understood", path="/?q=stauts:blocked ann", codes=(400,)),
    State(name="list-emails", path="/?q=user@acme.example, nobody@acme.example&created=<30d"),
    State(name="list-saved-view", path="/?q=signed-in:never"),
    State(name="list-operators", path="/", then=click(".pu-operators summary"), floats=True),
    State(
        name="list-more-filters",
        path="/?signed_in=never",
        then=click(".pu-finder > .pu-drop summary"),
        floats=True,
    ),
    State(
        name="list-save-view", path="/?status=blocked", then=click(".pu-keep summary"), floats=True
    ),
    State(
        name="list-save-view-errors",
        path="/?status=blocked",
        then=keep(" "),
        codes=(400, 422),
        floats=True,
    ),
    State(
        name="list-own-view",
        path="/?status=pending&role=agent",
        who="third",
        then=keep("Waiting agents"),
    ),
    State(
        name="list-emails-unknown",
        path="/?q=user@acme.example, nobody@acme.example, no-one@acme.example",
        then=click(".pu-unknown summary"),
    ),
    State(name="list-over-limit", path="/?q=over-limit:yes"),
    State(
        name="list-keys", path="/", then=lambda page, _room: page.keyboard.press("?"), floats=True
    ),
    State(name="list-long-name", path="/?q=wolfe"),
    State(name="list-100-rows", path="/?per_page=100"),
    State(name="list-deleted", path="/?status=deleted"),
    State(name="list-of-one", path="/", who="single"),
    State(name="list-empty-platform", path="/", who="nobody"),
    State(name="list-of-staff", path="/", who="staff"),
    State(name="list-message-undo", path="/?done={done}"),
    State(name="list-unchanged", path="/?unchanged=1"),
    State(name="list-row-menu", path="/", then=click("tbody tr:nth-child(3) summary"), floats=True),
    State(name="list-columns", path="/", then=click(".pu-choose-columns > summary"), floats=True),
    State(name="list-chosen", path="/", then=tick(4), floats=True),
    State(name="list-many-chosen", path="/", who="third", then=tick(2), floats=True),
    State(name="list-many-menu", path="/", who="third", then=click(".pu-bar summary"), floats=True),
    State(name="details-active", path="/id/{active}"),
    State(name="details-blocked", path="/id/{blocked}"),
    State(name="details-pending", path="/id/{pending}"),
    State(name="details-deleted", path="/id/{deleted}"),
    State(name="details-over-limit", path="/id/{over}"),
    State(name="details-billing-unavailable", path="/id/{broken}"),
    State(name="details-long-name", path="/id/{long}"),
    State(name="details-of-staff", path="/id/{active}", who="staff"),
    State(name="details-nothing", path="/id/{plain}"),
    State(
        name="details-more", path="/id/{active}", then=click(".pu-action-bar summary"), floats=True
    ),
    State(name="details-limits", path="/id/{over}", then=click(".pu-more summary")),
    State(name="form-block-arabic", path="/do/block/{arabic}?reason=Spam"),
    State(name="dialog-block", path="/id/{active}", then=asked("block"), floats=True),
    State(
        name="dialog-block-errors",
        path="/id/{active}",
        then=asked("block", until="2001-01-01T10:00"),
        codes=(422,),
        floats=True,
    ),
    State(name="dialog-sign_out", path="/id/{plain}", then=asked("sign_out"), floats=True),
    State(name="details-message-undo", path="/id/{blocked}?done={done}"),
    *_form("block", reason=""),
    *_form("unblock", "blocked", refused=False),
    *_form("set_status", refused=False),
    State(
        name="form-set_status-stale",
        path="/do/set_status/{plain}",
        then=overtaken("plain"),
        codes=(409,),
    ),
    *_form("delete", reason="", confirm="somebody"),
    *_form("restore", "deleted", refused=False),
    *_form("add_note", text=""),
    *_form("remove_note"),
    *_form("sign_out", refused=False),
    *_form("assign_plan", period="date", price="-1", reason=""),
    *_form("give_add_on", period="date", reason=""),
    *_form("remove_add_on", refused=False),
    *_form("extend_grant", reason=""),
    *_form("keep_grant", reason=""),
    *_form("lapse_grant", reason=""),
    *_form("extend_trial", "over", days="900", reason=""),
    *_form("send_onboarding_email", refused=False),
    *_form("impersonate", reason="no"),
    State(name="form-refused", path="/do/unblock/{active}", codes=(409,)),
    State(name="many-form", path="/many/{asked}/block", who="fifth"),
    State(
        name="many-form-errors",
        path="/many/{asked}/block",
        who="fifth",
        then=send(reason=""),
        codes=(400, 422),
    ),
    State(name="job-trial", path="/jobs/{trial}"),
    State(name="job-all-or-nobody", path="/jobs/{forbidden}"),
    State(name="job-checking", path="/jobs/{checking}"),
    State(name="job-going-on", path="/jobs/{running}", who="fourth"),
    State(name="job-done", path="/jobs/{finished}", who="fourth"),
    State(name="job-stopped", path="/jobs/{stopped}", who="fourth"),
    State(name="jobs", path="/jobs"),
    State(name="jobs-none", path="/jobs", who="single"),
    State(name="history", path="/history"),
    State(name="history-filtered", path="/history?outcome=refused"),
    State(name="history-nothing", path="/history?actor=nobody-at-all"),
    State(name="history-none", path="/history", who="single"),
    State(name="granted", path="/granted"),
    State(name="granted-nothing", path="/granted?kind=add_on&within=7"),
    State(name="granted-none", path="/granted", who="single"),
    State(name="impersonation-receipt", path="/impersonations/{seen}"),
    State(name="impersonation-banner", path="//", who="second", floats=True),
    State(name="impersonation-refused", path="//settings", who="second", then=rename, codes=(403,)),
    State(name="impersonation-closed", path="//password", who="second", codes=(403,)),
    State(name="impersonation-ended", path="//contacts", who="ended", codes=(409,)),
    State(name="error-400", path="/?sort=no", codes=(400,)),
    State(name="error-403", path="/", who="user", codes=(403,)),
    State(name="error-404", path="/id/999999999", codes=(404,)),
    State(name="error-404-product", path="//no-such-page", codes=(404,)),
    State(name="error-500", path="/?breaks=question", codes=(500,)),
    State(name="error-503", path="/?breaks=database", codes=(503,)),
)
