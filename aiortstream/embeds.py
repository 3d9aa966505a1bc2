"""Players in other people's pages: HTML made of a player's URL. No I/O."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, urlsplit

from aiortstream.errors import InvalidArgumentError


def embed_code(player_url: str | None, width: str, height: int, title: str, *, allow_fullscreen: bool) -> str:
    """An iframe that plays what a player's page plays; every value is escaped.

    Raises InvalidArgumentError, as the official SDK raises ValueError, for a height that is none, and where the URL is
    missing or not of the kind that can be embedded (`.../watch?v=...`).
    """
    if not player_url:
        raise InvalidArgumentError("player_url: there is none, so there is nothing to embed")
    if height <= 0:
        raise InvalidArgumentError(f"height: expected pixels above 0, got {height!r}")
    parts = urlsplit(player_url)
    if not parts.path.endswith("/watch") or "v" not in parse_qs(parts.query):
        raise InvalidArgumentError("player_url: only a player's URL of the form .../watch?v=... can be embedded")
    url = parts._replace(path=parts.path.removesuffix("watch") + "embed").geturl()
    fullscreen = " allowfullscreen" if allow_fullscreen else ""
    return (
        f'<iframe src="{escape(url)}" width="{escape(width)}" height="{height}" '
        f'title="{escape(title)}" frameborder="0"{fullscreen}></iframe>'
    )
