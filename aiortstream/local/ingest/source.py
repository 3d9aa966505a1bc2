"""What a source URL means: which scheme, whether we set the pace, and how to show it without its secrets.

| URL | what it is |
|---|---|
| `rtsp://` `rtsps://` | a camera or server, over TCP |
| `rtmp://` `rtmps://` | a stream to pull; with `?listen=1` on a loopback address an encoder pushes to us |
| `http://` `https://` | HLS or a progressive file; one of known length is played in real time, once |
| `srt://` | where the installed libav was built with it |
| `file:///x.mp4`, `/x.mp4`, `x.mp4` | a file played in real time, once, or for ever with `file:///x.mp4?loop=1` |
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import av
import av.error

_NETWORK_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt")
_SUPPORTED = ", ".join(f"{scheme}://" for scheme in _NETWORK_SCHEMES) + ", file:// and file paths"
_SECRET_NAME = re.compile(r"token|key|pass|pwd|secret|sig|auth|credential|jwt|user", re.IGNORECASE)
_URL_IN_TEXT = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
_TRUE = ("1", "true", "yes")
LONGEST = 4096  # characters of a source URL: longer than any path, and far longer than any camera's


class UnsupportedSource(ValueError):  # noqa: N818 - the name is part of the contract, and reads as what it says
    """A source URL that cannot be played; the message says what is wrong with it, and what is supported."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source that was understood.

    `url` is what libav opens (for a file its path), with credentials: show `redact(url)` instead. `realtime` says that
    packets arrive at the pace of the world; otherwise we pace them. `loop` plays a file for ever. `listen` waits for an
    encoder to push instead of pulling.
    """

    url: str
    scheme: str
    realtime: bool
    loop: bool = False
    listen: bool = False

    def __repr__(self) -> str:
        return f"SourceSpec({redact(self.url)!r}, realtime={self.realtime}, loop={self.loop}, listen={self.listen})"


@dataclass(frozen=True, slots=True)
class FileSources:
    """Which files of this machine may be sources: none, those in a folder, or, without one, all."""

    allowed: bool = True
    folder: Path | None = None

    def permits(self, path: Path) -> bool:
        """Whether this file may be. What links point to is what counts."""
        if not self.allowed:
            return False
        return self.folder is None or path.resolve().is_relative_to(self.folder.expanduser().resolve())


ALL_FILES = FileSources()


def parse_source(url: str, files: FileSources = ALL_FILES) -> SourceSpec:
    """Understand a source URL, or raise `UnsupportedSource`. `files` are those of this machine that may be sources."""
    if not url or url != url.strip():
        raise UnsupportedSource(f"source URL {redact(url[:LONGEST])!r} is empty or has spaces around it")
    if len(url) > LONGEST:
        raise UnsupportedSource(f"source URL of {len(url)} characters is too long; at most {LONGEST} are taken")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UnsupportedSource(f"source URL {redact(url)!r} is malformed: {error}") from error
    scheme = parts.scheme.lower()
    if scheme == "file" or "://" not in url:
        return _parse_file(url, parts, files)
    if scheme not in _NETWORK_SCHEMES:
        raise UnsupportedSource(f"scheme {scheme!r} of {redact(url)!r} is not supported; supported are {_SUPPORTED}")
    if re.search(r"[\s\x00-\x1f]", url):
        raise UnsupportedSource(f"source URL {redact(url)!r} contains spaces; write them as %20")
    if not parts.hostname:
        raise UnsupportedSource(f"source URL {redact(url)!r} names no host; expected {scheme}://host[:port]/path")
    if port == 0:
        raise UnsupportedSource(f"source URL {redact(url)!r} names port 0; expected 1 to 65535")
    if scheme == "srt" and not _libav_has("srt"):
        raise UnsupportedSource(
            "srt:// is not supported by the installed libav; bridge it with "
            "`ffmpeg -i srt://... -c copy -f flv rtmp://...`, or install a PyAV built with libsrt"
        )
    return _parse_listen(url, scheme, parts)


def redact(text: str) -> str:
    """The URL, or any text with URLs in it, with user info and the values of secret-looking query keys as `***`."""
    return _URL_IN_TEXT.sub(lambda match: _redact_url(match.group()), text)


def _parse_listen(url: str, scheme: str, parts: SplitResult) -> SourceSpec:
    query = parse_qsl(parts.query, keep_blank_values=True)
    if scheme != "rtmp" or not any(key == "listen" and value.lower() in _TRUE for key, value in query):
        return SourceSpec(url, scheme, realtime=True)
    if not _is_loopback(parts.hostname or ""):
        raise UnsupportedSource(
            f"{redact(url)!r} would listen beyond this machine; ?listen=1 needs a loopback address such as 127.0.0.1"
        )
    rest = urlencode([(key, value) for key, value in query if key != "listen"])
    return SourceSpec(parts._replace(query=rest).geturl(), scheme, realtime=True, listen=True)


def _parse_file(url: str, parts: SplitResult, files: FileSources) -> SourceSpec:
    if not files.allowed:
        raise UnsupportedSource(f"files are not allowed as sources here: {url!r}; supported are network URLs")
    if parts.scheme.lower() == "file":
        if parts.netloc not in ("", "localhost"):
            raise UnsupportedSource(f"{url!r} names a file on {parts.netloc!r}; expected file:///absolute/path")
        path = Path(unquote(parts.path))
        loop = dict(parse_qsl(parts.query)).get("loop", "").lower() in _TRUE
    else:
        path, loop = Path(url), False
    try:
        path = path.expanduser()
        # Whether a file is there is nobody's business where it may not be a source.
        found = files.permits(path) and path.is_file()
    except (OSError, RuntimeError):  # a name too long, a folder that may not be read, a home that nobody has
        found = False
    if not found and files.folder is not None:
        raise UnsupportedSource(f"there is no file {str(path)!r} in {str(files.folder)!r}, where files may be sources")
    if not found:
        raise UnsupportedSource(f"there is no file {str(path)!r}; supported are {_SUPPORTED}")
    return SourceSpec(str(path.resolve()), "file", realtime=False, loop=loop)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache
def _libav_has(protocol: str) -> bool:
    """Whether libav was built with a protocol; found out by a URL without a host, which opens nothing."""
    try:
        av.open(f"{protocol}://", timeout=0.1)
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, ValueError):
        return True
    return True


def _redact_url(url: str) -> str:
    head, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = "***@" + authority.rpartition("@")[2]
    base, mark, query = f"{head}://{authority}{slash}{path}".partition("?")
    if not mark:
        return base
    return base + mark + "&".join(map(_redact_pair, query.split("&")))


def _redact_pair(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    return f"{key}{equals}***" if equals and _SECRET_NAME.search(unquote(key)) else pair


def file_url(path: Path, *, loop: bool = False) -> str:
    """The URL that plays a file, in real time."""
    return f"file://{quote(str(path.resolve()))}{'?loop=1' if loop else ''}"
