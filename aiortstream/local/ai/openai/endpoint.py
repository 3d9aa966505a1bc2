"""Talking to an OpenAI-compatible endpoint: one session, a deadline for every call, few calls at once, polite retries.

A call is repeated after 429, 5xx and broken connections: nothing that is asked here changes anything on the other
side. The pause before it is what `Retry-After` says, or grows from half a second with full jitter. No error, and no
log record, carries the key: it is cut out even of what the server says back.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import msgspec
from yarl import URL

from aiortstream.local.ai.executor import ModelBusy
from aiortstream.local.ai.protocols import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_MAX_ANSWER_BYTES = 16 * 1024 * 1024  # thirty-two embeddings of 3072 numbers are 2 MB of JSON
_MAX_MESSAGE = 300  # characters of the server's own words kept in an error
_LONGEST_PAUSE = 8.0  # seconds between tries, unless the server asks for more
_CONNECT_SECONDS = 5.0


class EndpointError(ModelError):
    """The endpoint refused, failed or could not be reached. `status` is its HTTP status; None without an answer."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class _Retry(Exception):  # noqa: N818 - not an error for callers: it carries one to the next try
    def __init__(self, error: EndpointError, pause: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause = pause  # seconds that the server asks for


class OpenAiEndpoint:
    """`base_url` is what comes before `/chat/completions`, such as "http://localhost:8000/v1"."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        max_concurrency: int = 4,
        max_waiting: int = 32,
        retries: int = 3,
        first_pause: float = 0.5,
    ) -> None:
        """`timeout` seconds bound a call with all its tries and waiting; `first_pause` seconds the first retry's pause.

        Raises ValueError for a `base_url` that is not http or https, or that carries a user or a password.
        """
        url = URL(base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError(
                f"the endpoint must be an http or https URL such as http://localhost:8000/v1, got {url.scheme}"
            )
        if url.user or url.password:
            raise ValueError("the endpoint's URL must not carry a user or a password: give the key by itself")
        self._base = url
        self._key = api_key or None
        self._timeout = timeout
        self._slots = asyncio.Semaphore(max_concurrency)
        self._max_waiting = max_waiting
        self._waiting = 0  # calls that hold no slot yet, never more than _max_waiting
        self._retries = retries
        self._first_pause = first_pause
        self._session: aiohttp.ClientSession | None = None  # opened by the first call, on its loop
        self._closed = False

    def __repr__(self) -> str:
        return f"OpenAiEndpoint({self._base.human_repr()!r})"

    async def post(self, path: str, answer: type[T], body: Callable[[], Any]) -> T:
        """POST to `base_url`/`path` and decode the JSON answer as `answer`.

        `body` makes the body anew for each try: an `aiohttp.FormData`, or anything that msgspec encodes as JSON.
        Raises `ModelBusy` when too many calls wait, `EndpointError` for everything else. Cancelling abandons the call.
        """
        if self._closed:
            raise EndpointError("the endpoint's client is closed")
        if self._slots.locked() and self._waiting >= self._max_waiting:
            raise ModelBusy(f"{self._waiting} calls already wait for the endpoint {self._base.host}")
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                self._waiting += 1
                try:
                    await self._slots.acquire()
                finally:
                    self._waiting -= 1
                try:
                    return await self._tries(path, answer, body, deadline)
                finally:
                    self._slots.release()
        except TimeoutError as error:
            spent = time.monotonic() - started
            raise EndpointError(f"{self._where(path)} gave no answer in {spent:.1f} s") from error

    async def aclose(self) -> None:
        """Close the connections. Calls under way fail. Closing twice is fine."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _tries(self, path: str, answer: type[T], body: Callable[[], Any], deadline: asyncio.Timeout) -> T:
        for tried in range(self._retries + 1):
            try:
                return await self._once(path, answer, body())
            except _Retry as retry:
                pause = retry.pause if retry.pause is not None else self._pause(tried)
                loop = asyncio.get_running_loop()
                if tried == self._retries or loop.time() + pause >= (deadline.when() or 0.0):
                    raise retry.error from None
                await asyncio.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _once(self, path: str, answer: type[T], body: Any) -> T:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS), cookie_jar=aiohttp.DummyCookieJar()
            )
        headers = {"Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if not isinstance(body, aiohttp.FormData):
            headers["Content-Type"] = "application/json"
            body = msgspec.json.encode(body)
        try:
            # A redirect would take the key and the pictures somewhere else.
            async with self._session.post(
                self._base / path, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await self._read(response, path)
        except (aiohttp.ClientError, OSError) as error:
            if self._closed:
                raise EndpointError("the endpoint's client is closed") from None
            # `from None`: what aiohttp raises knows the request, and so the key.
            failure = EndpointError(
                self._clean(f"{self._where(path)} cannot be reached: {type(error).__name__}: {error}")
            )
            raise _Retry(failure) from None
        self._check(response, content, path)
        try:
            return msgspec.json.decode(content, type=answer)
        except msgspec.DecodeError as error:
            # Validation errors are decode errors as well. Neither quotes the answer.
            raise EndpointError(f"{self._where(path)} answered in a shape that is not OpenAI's: {error}") from error

    async def _read(self, response: aiohttp.ClientResponse, path: str) -> bytes:
        content = bytearray()
        async for piece in response.content.iter_any():
            content += piece
            if len(content) > _MAX_ANSWER_BYTES:
                raise EndpointError(f"{self._where(path)} answered with more than {_MAX_ANSWER_BYTES >> 20} MiB")
        return bytes(content)

    def _check(self, response: aiohttp.ClientResponse, content: bytes, path: str) -> None:
        if 200 <= response.status < 300:
            return
        said = self._clean(_message(content) or response.reason or "") or "no reason given"
        error = EndpointError(f"{self._where(path)} refused: {said} (HTTP {response.status})", status=response.status)
        if response.status == 429 or response.status >= 500:
            raise _Retry(error, _retry_after(response.headers))
        raise error

    def _pause(self, tried: int) -> float:
        return random.uniform(0, min(_LONGEST_PAUSE, self._first_pause * 2**tried))  # noqa: S311 - jitter, no secret

    def _where(self, path: str) -> str:
        return f"the endpoint {self._base.host} (/{path})"

    def _clean(self, text: str) -> str:
        text = text.replace(self._key, "<key>") if self._key else text
        return text if len(text) <= _MAX_MESSAGE else text[:_MAX_MESSAGE] + "…"


class _ErrorBody(msgspec.Struct):
    """What OpenAI sends, `{"error": {"message": ...}}`, and what others do: a string, or `detail`, or `message`."""

    error: Any = None
    message: Any = None
    detail: Any = None


def _message(content: bytes) -> str:
    """The server's own words in an error answer."""
    try:
        body = msgspec.json.decode(content, type=_ErrorBody)
    except msgspec.DecodeError:
        return " ".join(content.decode(errors="replace").split())
    said = body.error.get("message") if isinstance(body.error, dict) else body.error
    return str(said or body.message or body.detail or "")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the server wants to be asked again, if it says so in either of the header's two forms."""
    value = headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
