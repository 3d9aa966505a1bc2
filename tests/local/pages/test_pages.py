"""The pages hold to their own policy: nothing inline, nothing from elsewhere, every reference there, text readable."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import product
from xml.etree import ElementTree as ET

import pytest

from aiortstream.local.pages import CONTENT_SECURITY_POLICY, PAGES, STATIC, UnknownPage, read_page

SCRIPTS = sorted(name for name in STATIC if name.endswith(".js"))
SERVED = {"/", "/player", "/openapi.json"}  # pages that a page may link to
VOID = {"meta", "link", "input"}


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.inline: list[str] = []
        self.feed(read_page(name).decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"} and data.strip():
            self.inline.append(data)

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]


@pytest.fixture(params=sorted(PAGES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(name: str) -> Page:
    return Page(name)


def test_every_element_is_closed_and_every_id_is_unique(page: Page) -> None:
    assert page.open == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))


def test_nothing_is_inline(page: Page) -> None:
    assert page.inline == []
    assert all("src" in attrs for tag, attrs in page.tags if tag == "script")
    assert not any(name == "style" or name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_every_reference_is_to_this_server_and_there(page: Page) -> None:
    references = page.values("src") + page.values("href")
    assert references
    for reference in references:
        assert reference in SERVED or reference.removeprefix("/static/") in STATIC, reference


def test_a_page_says_its_language_title_and_size(page: Page) -> None:
    tags = dict(page.tags)
    assert tags["html"]["lang"] == "en"
    assert {"title", "main", "h1", "noscript"} <= tags.keys()
    assert "viewport" in page.values("name")


def test_what_labels_point_to_is_there(page: Page) -> None:
    assert set(page.values("aria-labelledby")) <= set(page.values("id"))


def test_scripts_find_their_elements(name: str, page: Page) -> None:
    scripts = scripts_of(name.replace(".html", ".js"))
    used = set(re.findall(r'(?:element|wire)\("([\w-]+)"', "".join(read_page(each).decode() for each in scripts)))
    assert used
    assert used <= set(page.values("id"))


def scripts_of(name: str) -> set[str]:
    """A script, and those that it is made of."""
    found, left = set(), {name}
    while left:
        found |= left
        imported = re.findall(r'from "\./([\w.]+)"', "".join(read_page(each).decode() for each in left))
        left = set(imported) - found
    return found


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_import_only_their_neighbours(script: str) -> None:
    text = read_page(script).decode()
    for module in re.findall(r'(?:from|import)\s*\(?\s*"([^"]+)"', text):
        assert module.removeprefix("./") in STATIC
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_make_no_markup_or_code_of_text(script: str) -> None:
    text = read_page(script).decode()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", ".style"):
        assert way not in text


@pytest.mark.parametrize("name", [name for name in STATIC if name.endswith(".css")])
def test_styles_load_nothing(name: str) -> None:
    styles = read_page(name).decode()
    assert "@import" not in styles
    assert "url(" not in styles
    assert styles.count("{") == styles.count("}")


def test_the_icon_is_plain_svg() -> None:
    icon = ET.fromstring(read_page("icon.svg"))
    assert icon.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in icon.iter()} == {"svg", "rect", "path"}


def test_the_policy_allows_nothing_inline_and_nobody_else() -> None:
    directives = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert directives["default-src"] == "'none'"
    assert set(directives.values()) == {"'none'", "'self'"}


def test_text_stands_out_from_what_is_behind_it() -> None:
    pairs = [
        *product(("text", "quiet", "link"), ("back", "card")),
        *((tone, f"{tone}-back") for tone in ("good", "busy", "bad", "still")),
        ("on-link", "link"),
    ]
    light, dark = _themes()
    for theme in (light, dark):
        assert theme.keys() == light.keys()
        for text, back in pairs:
            assert _contrast(theme[text], theme[back]) >= 4.5, (text, back)


def test_an_unknown_name_is_refused_by_what_there_is() -> None:
    for name in ("nothing.js", "../__init__.py", "__init__.py", ""):
        with pytest.raises(UnknownPage, match=r"player\.html"):
            read_page(name)


def _themes() -> list[dict[str, str]]:
    """The colours of both themes, by name."""
    blocks = re.findall(r":root \{(.*?)\}", read_page("pages.css").decode(), re.DOTALL)
    themes = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks]
    assert len(themes) == 2
    return themes


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2: 4.5 is what it asks of text."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
