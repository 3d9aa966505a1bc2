"""Playing in the browser of whoever runs the program: `play()` of shots, searches and videos."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from aiortstream.errors import InvalidArgumentError, ProtocolError


async def open_in_browser(player_url: str | None, stream_url: str | None) -> str:
    """Open a player's page, or the stream itself where there is none, in the default browser; the URL.

    It is returned on a machine without a browser too. Raises InvalidArgumentError where there is nothing to play, and
    ProtocolError for a URL that is no web page's. Cancelling it does not close what has been opened.
    """
    import webbrowser

    url = player_url or stream_url
    if not url:
        raise InvalidArgumentError("stream_url: there is none, so there is nothing to play")
    if urlsplit(url).scheme not in ("http", "https"):
        raise ProtocolError("a URL to play that is not one of the web: it is not opened")
    await asyncio.to_thread(webbrowser.open, url)
    return url
