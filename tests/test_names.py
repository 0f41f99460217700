"""Names in templates and styles that hosts rely on: each change of one is meant."""

import re

import pytest

from .names import REFERENCE, Template, data_attributes, icons, reference, templates

LAYOUTS = {"base.html", "shell.html", "overlay.html", "unavailable.html"}
PREFIXES = {
    "list.html": ("list_",),
    "details.html": ("detail_",),
    "action.html": ("confirm_", "form_"),
    "many.html": ("many_", "form_"),
    "job.html": ("job_",),
    "jobs.html": ("jobs_",),
    "history.html": ("history_",),
    "granted.html": ("granted_",),
    "impersonation.html": ("impersonation_",),
    "error.html": ("error_",),
    "refused.html": ("refused_",),
    "overlay_allowed.html": ("overlay_",),
    "overlay_ended.html": ("overlay_", "ended_"),
    "overlay_refused.html": ("overlay_", "refused_"),
}

every_template = pytest.mark.parametrize("template", templates(), ids=lambda t: t.name)


def test_the_documented_names_are_those_there_are() -> None:
    """Hosts extend, include and call them; whoever changes one tells them so."""
    assert REFERENCE.read_text() == reference(), (
        "A name that hosts rely on has changed. If that is meant, write it into CHANGELOG.md and "
        "renew the documentation: python -m tests.names"
    )


@every_template
def test_a_template_says_first_what_it_receives(template: Template) -> None:
    """Nobody has to read it to replace it."""
    assert re.search(r"\. Receives(: | nothing)", template.comment)


@every_template
def test_blocks_stand_in_pages_only_and_bear_their_name(template: Template) -> None:
    """One in a partial cannot be overridden by the page; one of a plain name may be the host's."""
    if template.name in LAYOUTS | {"_part.html"}:
        return
    prefixes = (*PREFIXES[template.name], "pu_") if template.is_page else ()
    assert [block for block in template.blocks if not block.startswith(prefixes)] == []


def test_every_icon_that_a_template_names_is_there() -> None:
    """Else there is a hole."""
    for template in templates():
        named = re.findall(r"\bicon\(\"([\w-]+)\"", template.text)
        assert set(named) <= set(icons()), template.name


def test_every_attribute_of_ours_is_marked_as_ours() -> None:
    """The host's scripts may look for others."""
    banner = {"data-left", "data-over", "data-platform-users-banner"}
    for template in templates():
        used = set(re.findall(r"\s(data-[a-z-]+)", template.text))
        assert used <= {*data_attributes(), *banner}, template.name
