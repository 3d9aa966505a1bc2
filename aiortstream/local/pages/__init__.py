"""The server's own web pages: the dashboard at `/`, and the player at `/watch`, `/player` and, framed, `/embed`.

Plain files, without a build step and without anything from elsewhere: `CONTENT_SECURITY_POLICY` forbids both, and every
page must be served with it. What the pages show comes from `/status.json`, `/live`, the API and the player's query; it
is put in as text, never as markup.
"""

from __future__ import annotations

import functools
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGES: Mapping[str, str] = MappingProxyType(
    {
        "index.html": "text/html; charset=utf-8",
        "player.html": "text/html; charset=utf-8",
    }
)
"""The pages, and the content type of each."""

STATIC: Mapping[str, str] = MappingProxyType(
    {
        "dashboard.css": "text/css; charset=utf-8",
        "dialogs.js": "text/javascript; charset=utf-8",
        "feed.js": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
        "index.js": "text/javascript; charset=utf-8",
        "moments.js": "text/javascript; charset=utf-8",
        "page.js": "text/javascript; charset=utf-8",
        "pages.css": "text/css; charset=utf-8",
        "player.js": "text/javascript; charset=utf-8",
        "search.js": "text/javascript; charset=utf-8",
        "streams.js": "text/javascript; charset=utf-8",
        "timeline.js": "text/javascript; charset=utf-8",
    }
)
"""What the pages load from `/static/<name>`, and the content type of each."""

# Scripts, styles, media and requests from this server alone; nothing inline, no plug-ins, no frames but its own.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

# The same for the player that other people's pages show in a frame.
EMBEDDED_POLICY = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'self'", "frame-ancestors *")


class UnknownPage(LookupError):  # noqa: N818 - it reads as what it says
    """There is no page and no static file of a name."""


@functools.cache
def read_page(name: str) -> bytes:
    """A page or a static file by its name in `PAGES` or `STATIC`; read once, then kept. Raises `UnknownPage`."""
    if name not in PAGES and name not in STATIC:
        raise UnknownPage(f"no page {name!r}; there are {', '.join((*PAGES, *STATIC))}")
    return (resources.files(__name__) / name).read_bytes()
