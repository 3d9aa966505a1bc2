"""The one seam to HTTP: envelope, jobs, deadlines, retries, and the mapping of every foreign error to our tree.

Nothing above it knows aiohttp. The key travels in a header to the configured origin and nowhere else: redirects are
not followed, and a job's `output_url` on another origin is asked for without it.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import aiohttp
import msgspec
from yarl import URL

from aiortstream._version import __version__
from aiortstream.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    ProtocolError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    VideodbError,
)
from aiortstream.retry import RETRY_AFTER_CAP, may_repeat, request_delays
from aiortstream.wire.envelope import Envelope, JobData

logger = logging.getLogger("aiortstream.transport")

A = TypeVar("A")

MAX_BODY = 64 * 1024 * 1024  # bytes of one answer: a page of a thousand records is a few hundred kB
JOB_DEADLINE = 500.0  # seconds, the official SDK's
CLOSE_TIMEOUT = 1.0  # seconds a websocket's peer has to answer our close
_CREATE_HINT = "whether it was done is unknown: look (list_...) before you repeat it"

_envelope = msgspec.json.Decoder(Envelope)


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """What a transport needs to know. `timeout`: seconds for one request, its retries included."""

    base_url: str
    token: str = field(repr=False)
    timeout: float = 30.0
    max_retries: int = 2


@dataclass(frozen=True, slots=True)
class _Call:
    """One operation under way: what errors name."""

    method: str
    path: str
    url: URL
    body: bytes | None
    params: Mapping[str, str] | None
    idempotent: bool
    deadline: float  # loop time

    @property
    def creates(self) -> bool:
        return self.method == "POST" and not self.idempotent


@dataclass(frozen=True, slots=True)
class _Reply:
    """An HTTP answer, read whole."""

    status: int
    body: bytes
    request_id: str | None
    retry_after: float | None


class Transport:
    """HTTP and websocket access to one server, over one aiohttp session that is made when first used."""

    def __init__(
        self,
        settings: TransportSettings,
        *,
        session: aiohttp.ClientSession | None = None,
        delays: Callable[[], Iterator[float]] = request_delays,
    ) -> None:
        self._settings = settings
        self._base = URL(settings.base_url.rstrip("/") + "/")
        self._session = session
        self._owns_session = session is None
        self._delays = delays

    # --- operations ---------------------------------------------------------------------------------------------------

    async def get(
        self, path: str, answer: type[A], *, params: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> A:
        """Read something. Repeated on failures that may pass. Cancelling it changes nothing on the server."""
        return await self._ask("GET", path, answer, params=params, timeout=timeout)

    async def post(self, path: str, answer: type[A], *, body: Any, timeout: float | None = None) -> A:
        """Create or start something. Repeated only if it never left. Cancelling it leaves unknown what was done."""
        return await self._ask("POST", path, answer, body=body, timeout=timeout)

    async def search(self, path: str, answer: type[A], *, body: Any, timeout: float | None = None) -> A:
        """A POST that only reads."""
        return await self._ask("POST", path, answer, body=body, timeout=timeout, idempotent=True)

    async def patch(self, path: str, *, body: Any, timeout: float | None = None) -> None:
        """Set a state; doing it twice is doing it once, so it is repeated. Cancelled, it may or may not be set."""
        await self._exchange("PATCH", path, body=body, timeout=timeout, idempotent=True)

    async def websocket(
        self, url: str, *, heartbeat: float, max_msg_size: int, timeout: float
    ) -> aiohttp.ClientWebSocketResponse[Literal[False]]:
        """Open a websocket. Text frames come as bytes. Nothing is added to the URL: any credential is in it already."""
        try:
            async with asyncio.timeout(timeout):
                return await self._http().ws_connect(
                    url,
                    heartbeat=heartbeat,
                    max_msg_size=max_msg_size,
                    decode_text=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
                )
        except aiohttp.WSServerHandshakeError as error:
            kind = AuthenticationError if error.status in (401, 403) else ServerError
            raise kind("the websocket was refused", status=error.status, method="GET", path=_bare(url)) from None
        except TimeoutError:
            raise ConnectionFailedError(f"no websocket at {_bare(url)} within {timeout} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # `from None`: aiohttp's error holds the URL, which holds a credential
            raise ConnectionFailedError(f"no websocket at {_bare(url)}: {type(error).__name__}") from None

    async def aclose(self) -> None:
        """Close the session, unless it is the caller's."""
        if self._session is not None and self._owns_session:
            await self._session.close()

    # --- one operation ------------------------------------------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        path: str,
        answer: type[A],
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout: float | None = None,
        idempotent: bool = False,
    ) -> A:
        envelope = await self._exchange(method, path, params=params, body=body, timeout=timeout, idempotent=idempotent)
        return _decode(bytes(envelope.data), answer, f"{method} {path}")

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout: float | None = None,
        idempotent: bool = False,
    ) -> Envelope:
        seconds = self._settings.timeout if timeout is None else timeout
        call = _Call(
            method,
            path,
            self._base.join(URL(path, encoded=True)),
            None if body is None else msgspec.json.encode(body),
            _query(params),
            idempotent,
            asyncio.get_running_loop().time() + seconds,
        )
        envelope = _open_envelope(await self._attempts(call), call)
        return await self._job(envelope, call) if envelope.in_progress else envelope

    async def _attempts(self, call: _Call) -> _Reply:
        """Attempts of one request until one is answered for good, within its deadline."""
        delays = self._delays()
        for attempt in range(self._settings.max_retries + 1):
            try:
                reply = await self._send(call, with_key=True)
            except ConnectionFailedError as error:
                sent = not isinstance(error.__cause__, aiohttp.ClientConnectorError)
                if attempt == self._settings.max_retries or not may_repeat(
                    call.method, idempotent=call.idempotent, sent=sent, status=None
                ):
                    raise
                delay = next(delays)
            else:
                wait = reply.retry_after
                if (
                    reply.status < 400
                    or attempt == self._settings.max_retries
                    or not may_repeat(call.method, idempotent=call.idempotent, sent=True, status=reply.status)
                    or (wait is not None and wait > RETRY_AFTER_CAP)
                ):
                    return reply
                delay = next(delays) if wait is None else wait
                if asyncio.get_running_loop().time() + delay >= call.deadline:
                    return reply
            await asyncio.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    async def _send(self, call: _Call, *, with_key: bool) -> _Reply:
        remaining = call.deadline - asyncio.get_running_loop().time()
        headers = {"x-videodb-client": f"aiortstream/{__version__}", "Content-Type": "application/json"}
        if with_key:
            headers["x-access-token"] = self._settings.token
        try:
            async with (
                asyncio.timeout(max(remaining, 0.0)),
                self._http().request(
                    call.method,
                    call.url,
                    params=call.params,
                    data=call.body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                return _Reply(
                    response.status,
                    await _read_body(response, call),
                    response.headers.get("x-request-id"),
                    _retry_after(response.headers.get("Retry-After")),
                )
        except TimeoutError as error:
            hint = f"; {_CREATE_HINT}" if call.creates else ""
            raise RequestTimeoutError(f"{call.method} {call.path}: no answer in time{hint}") from error
        except aiohttp.ClientConnectorError as error:
            raise ConnectionFailedError(f"{call.method} {call.path}: cannot connect: {error.strerror}") from error
        except (aiohttp.ClientError, OSError) as error:
            hint = f"; {_CREATE_HINT}" if call.creates else ""
            raise ConnectionFailedError(
                f"{call.method} {call.path}: the connection broke ({type(error).__name__}){hint}"
            ) from error

    async def _job(self, envelope: Envelope, call: _Call) -> Envelope:
        """Follow a long operation to its end, asking less often as it goes on."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + JOB_DEADLINE
        delays = request_delays(5.0, jitter=lambda delay: delay)
        url = self._job_url(envelope, call)
        while envelope.in_progress:
            await asyncio.sleep(next(delays))
            if loop.time() >= deadline:
                raise RequestTimeoutError(f"{call.method} {call.path}: still processing after {JOB_DEADLINE:.0f} s")
            ask = _Call("GET", call.path, url, None, None, True, loop.time() + self._settings.timeout)
            reply = await self._send(ask, with_key=url.origin() == self._base.origin())
            if reply.status in (429, 502, 503, 504):
                continue  # the job itself goes on
            envelope = _open_envelope(reply, call)
        if bytes(envelope.response) in (b"", b"null"):
            return envelope
        return _open_envelope(replace(reply, body=bytes(envelope.response)), call)

    def _job_url(self, envelope: Envelope, call: _Call) -> URL:
        data = _decode(bytes(envelope.data), JobData, f"{call.method} {call.path}")
        url = URL(data.output_url or "")
        if url.scheme not in ("http", "https") or not url.host:
            raise ProtocolError(f"{call.method} {call.path}: a job without an absolute output_url")
        return url

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),  # every call has its own deadline
                connector=aiohttp.TCPConnector(limit=0),  # callers bound their own concurrency; the poller does
            )
        return self._session


# --- answers ----------------------------------------------------------------------------------------------------------


async def _read_body(response: aiohttp.ClientResponse, call: _Call) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(256 * 1024):
        size += len(chunk)
        if size > MAX_BODY:
            raise ProtocolError(f"{call.method} {call.path}: an answer of more than {MAX_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _open_envelope(reply: _Reply, call: _Call) -> Envelope:
    try:
        envelope = _envelope.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = reply.body[:200].decode("utf-8", "replace").strip()
        if reply.status >= 400:
            raise _error(reply, call, text or f"HTTP {reply.status}", None) from None
        raise ProtocolError(f"{call.method} {call.path}: not the protocol's JSON envelope: {text!r}") from None
    if 300 <= reply.status < 400:
        raise ProtocolError(f"{call.method} {call.path}: a redirect ({reply.status}), which the protocol has not")
    if reply.status >= 400 or not envelope.success:
        raise _error(reply, call, envelope.message or "Unknown error", envelope.error_code)
    return envelope


_BY_STATUS: Mapping[int, type[ResponseError]] = {
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: AuthenticationError,
    404: NotFoundError,
    429: RateLimitedError,
}


def _error(reply: _Reply, call: _Call, message: str, code: str | None) -> VideodbError:
    kind = _BY_STATUS.get(reply.status, ServerError if reply.status >= 500 else InvalidRequestError)
    error = kind(
        message,
        status=reply.status,
        error_code=code,
        request_id=reply.request_id,
        method=call.method,
        path="/" + call.path,
    )
    if isinstance(error, RateLimitedError):
        error.retry_after = reply.retry_after
    return error


def _decode(raw: bytes, answer: type[A], operation: str) -> A:
    try:
        return msgspec.json.decode(raw or b"null", type=answer, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{operation}: an answer outside the protocol: {error}") from error


def _query(params: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Query parameters as the wire has them: None is left out, numbers in full."""
    if params is None:
        return None
    return {
        name: repr(value) if isinstance(value, float) else str(value)
        for name, value in params.items()
        if value is not None
    }


def _retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or an HTTP date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _bare(url: str) -> str:
    """A URL without what may be secret in it: no user, path or query."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return "a malformed URL"
