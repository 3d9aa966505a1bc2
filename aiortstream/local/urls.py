"""The URLs that the server hands out, and the tokens in them.

A player or a browser can send no key, so a playback URL carries its own permission: a token for one stream or one
video, signed with the secret of the data directory, that expires. Nothing is stored for it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

ROUND_UP = 3600  # seconds: expiries are rounded up to it, so that asking twice gives the same URL
SIGNATURE_BYTES = 16  # of the HMAC: 128 bits cannot be guessed, and the URL stays short
SLUG_CHARACTERS = 12  # of what stands for a recording in a player's URL
UPLOAD_SECONDS = 3600.0  # for a file to be posted from its beginning; one that has begun may take longer
_UPLOAD = re.compile(r"/p/[^/]+/uploads/(?P<upload_id>[0-9a-f]{24})", re.ASCII)
_TOKEN = re.compile(r"(?P<expiry>[0-9a-f]{1,12})\.(?P<signature>[\w-]+)", re.ASCII)


class TokenRefused(Exception):  # noqa: N818 - the name says what happened
    """A token is wrong, for something else, or expired; the message says which, for people."""


class Signer:
    """Makes and checks tokens. `clock` gives unix seconds."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def sign(self, scope: str, lifetime: float, *, round_up: int = 1) -> str:
        """A token for `scope` that is good for at least `lifetime` seconds."""
        expires = math.ceil((self._clock() + lifetime) / round_up) * round_up
        return f"{expires:x}.{self._signature(scope, expires)}"

    def check(self, scope: str, token: str) -> None:
        """Raise TokenRefused unless `token` was made for `scope` and is still good."""
        parts = _TOKEN.fullmatch(token)
        expires = int(parts["expiry"], 16) if parts else 0
        if parts is None or not hmac.compare_digest(parts["signature"], self._signature(scope, expires)):
            raise TokenRefused(
                "this link is not valid: it was not made by this server, or it was made for something else"
            )
        if expires < self._clock():
            raise TokenRefused("this link has expired: ask the server for a new one")

    def session_token(self, lifetime: float) -> str:
        """A token for a program that captures, in place of the key, good for that many seconds."""
        return SESSION_PREFIX + self.sign(CAPTURE_SCOPE, lifetime)

    def is_session_token(self, token: str) -> bool:
        """Whether this is such a token and is still good."""
        try:
            self.check(CAPTURE_SCOPE, token.removeprefix(SESSION_PREFIX))
        except TokenRefused:
            return False
        return token.startswith(SESSION_PREFIX)

    def _signature(self, scope: str, expires: int) -> str:
        digest = hmac.digest(self._secret, f"{scope}\n{expires}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).rstrip(b"=").decode()


def stream_scope(rtstream_id: str) -> str:
    """What a token must be signed for to play a stream."""
    return f"stream:{rtstream_id}"


def video_scope(video_id: str) -> str:
    """What a token must be signed for to play an exported video."""
    return f"video:{video_id}"


def upload_scope(upload_id: str) -> str:
    """What a token must be signed for to post a file."""
    return f"upload:{upload_id}"


def reel_scope(reel_id: str) -> str:
    """What a token must be signed for to play a reel."""
    return f"reel:{reel_id}"


WEBSOCKET_SCOPE = "websocket"
CAPTURE_SCOPE = "capture"
SESSION_PREFIX = "st-"


def as_mp4(stream_url: str) -> str:
    """Where what a playlist of this server plays is one MP4 file."""
    return stream_url.removesuffix(".m3u8") + ".mp4"


class Urls:
    """Absolute URLs into this server. `base` is `http://host:port`, without a slash at its end."""

    def __init__(self, base: str, signer: Signer, *, playback_lifetime: float, ticket_lifetime: float) -> None:
        self.base = base
        self._signer = signer
        self._playback_lifetime = playback_lifetime
        self._ticket_lifetime = ticket_lifetime

    def manifest(self, rtstream_id: str, start: float, end: float) -> str:
        """The HLS playlist of a window, unix seconds, widened to whole seconds as the hosted service does."""
        return f"{self._window(rtstream_id, start, end)}.m3u8"

    def video(self, video_id: str) -> str:
        """The HLS playlist of a video."""
        token = self._playback_token(video_scope(video_id))
        return f"{self.base}/p/{token}/videos/{quote(video_id, safe='')}.m3u8"

    def thumbnail(self, video_id: str, number: int) -> str:
        """A picture of a video, by the millisecond that it shows."""
        token = self._playback_token(video_scope(video_id))
        return f"{self.base}/p/{token}/videos/{quote(video_id, safe='')}/{number}.jpg"

    def reel(self, reel_id: str) -> str:
        """The HLS playlist of a reel."""
        token = self._playback_token(reel_scope(reel_id))
        return f"{self.base}/p/{token}/reels/{reel_id}/reel.m3u8"

    def upload(self, upload_id: str) -> str:
        """Where one file is posted to."""
        token = self._signer.sign(upload_scope(upload_id), UPLOAD_SECONDS)
        return f"{self.base}/p/{token}/uploads/{upload_id}"

    def upload_id(self, url: str) -> str | None:
        """Which upload a URL of this server names; None for any other URL."""
        found = _UPLOAD.fullmatch(url.removeprefix(self.base)) if url.startswith(self.base) else None
        return found["upload_id"] if found else None

    def player(self, stream_url: str, *, mp4: bool = True, title: str | None = None) -> str:
        """A page that plays `stream_url`; `mp4`: whether the same can be had as MP4, for browsers that play no HLS."""
        # The official SDKs make an embed code of `/watch?v=...` alone; what is played stands in `url` all the same.
        query = {"v": _slug(stream_url), "url": stream_url, "mp4": as_mp4(stream_url) if mp4 else None, "title": title}
        return f"{self.base}/watch?" + urlencode({name: value for name, value in query.items() if value})

    def websocket(self) -> str:
        """Where a websocket is opened, with a ticket that is good for a short while."""
        ticket = self._signer.sign(WEBSOCKET_SCOPE, self._ticket_lifetime)
        return f"ws{self.base.removeprefix('http')}/ws?ticket={ticket}"

    def job(self, job_id: str) -> str:
        """Where the result of a long operation is asked for."""
        return f"{self.base}/async-response/{job_id}"

    def _window(self, rtstream_id: str, start: float, end: float) -> str:
        token = self._playback_token(stream_scope(rtstream_id))
        first, last = math.floor(start) * 1_000_000, math.ceil(end) * 1_000_000
        return f"{self.base}/p/{token}/manifests/{quote(rtstream_id, safe='')}/{first:016d}-{last:016d}"

    def _playback_token(self, scope: str) -> str:
        return self._signer.sign(scope, self._playback_lifetime, round_up=ROUND_UP)


def _slug(stream_url: str) -> str:
    """The same for the same recording, whatever token its URL carries."""
    path = urlsplit(stream_url).path
    shown = path.split("/", 3)[-1] if path.startswith("/p/") else path
    return hashlib.sha256(shown.encode()).hexdigest()[:SLUG_CHARACTERS]
