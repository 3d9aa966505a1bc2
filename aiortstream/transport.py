"""The one seam to HTTP: one session, jobs, deadlines, retries, and the mapping of aiohttp's errors to our tree.

Nothing above it knows aiohttp. The key travels in a header to the configured origin and nowhere else: redirects are
not followed, and a job's `output_url` on another origin is asked for without it.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from aiortstream._version import __version__
from aiortstream.access import Access, AccessSettings, describe
from aiortstream.answers import Operation, Reply, decode, open_envelope, read_headers
from aiortstream.attempts import Call, UnreachedError, gone, pause
from aiortstream.checking import wire_body
from aiortstream.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ProtocolError,
    RequestTimeoutError,
    ServerError,
)
from aiortstream.operations import rule_of
from aiortstream.options import CallOptions
from aiortstream.posting import post_file
from aiortstream.retry import TRANSIENT_STATUS, job_delays, request_delays
from aiortstream.tracing import CallHooks, Trace, trace
from aiortstream.undertakings import Undertaking, job_url, plain_error
from aiortstream.wire.envelope import Envelope

if TYPE_CHECKING:
    from aiortstream.live.clock import ServerTime

logger = logging.getLogger("aiortstream.transport")

A = TypeVar("A")

MAX_BODY = 64 * 1024 * 1024  # bytes of one answer: a page of a thousand records is a few hundred kB
CLOSE_TIMEOUT = 1.0  # seconds a websocket's peer has to answer our close
JOB = "async-response/{job_id}"  # the path of looks at a job, as hooks are told it
TOO_MANY = 429
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)  # every call has its own deadline


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """What a transport needs to know. Times are seconds; `timeout` is for one request, its retries included."""

    base_url: str
    token: str = field(repr=False)
    timeout: float = 30.0
    max_retries: int = 2
    job_timeout: float = 500.0
    """How long a job is followed; the official SDK's."""


class Transport:
    """HTTP and websocket access to one server, over one aiohttp session that is made when first used."""

    def __init__(
        self,
        settings: TransportSettings,
        *,
        session: aiohttp.ClientSession | None = None,
        access: Access | None = None,
        hooks: CallHooks | None = None,
        delays: Callable[[], Iterator[float]] = request_delays,
        job_delays: Callable[[], Iterator[float]] = job_delays,
        server_time: ServerTime | None = None,
    ) -> None:
        self._server_time = server_time
        self._settings = settings
        self._base = URL(settings.base_url.rstrip("/") + "/")
        self._access = access or Access(AccessSettings(), session)
        self._hooks = hooks or CallHooks()
        self._options = CallOptions()
        self._alone = False  # whether nobody's code makes these requests
        self._delays = delays
        self._job_delays = job_delays
        self._tasks: set[asyncio.Task[Any]] = set()  # first requests of jobs

    @property
    def job_timeout(self) -> float:
        """Seconds for which a job is followed unless something else is asked for."""
        return self._settings.job_timeout

    def with_options(self, options: CallOptions) -> Self:
        """The same connections with other options."""
        other = copy.copy(self)
        other._options = options  # noqa: SLF001 - a copy of this
        return other

    def in_background(self) -> Self:
        """The same connections for requests that no code of the caller makes: captures do not have them."""
        other = copy.copy(self)
        other._alone = True  # noqa: SLF001 - a copy of this
        return other

    @property
    def identity(self) -> object:
        """The same for all that share these connections."""
        return self._access

    # --- operations ---------------------------------------------------------------------------------------------------

    async def get(
        self, path: str, answer: type[A], *, params: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> A:
        """Read something. Repeated on failures that may pass. Cancelling it changes nothing on the server."""
        return await self._ask("GET", path, answer, params=params, timeout=timeout, idempotent=True)

    async def post(
        self, path: str, answer: type[A], *, body: Any, timeout: float | None = None, look: str | None = None
    ) -> A:
        """Create or start something: whether it is repeated says `operations`. Cancelled, what was done is unknown.

        `look`: of an operation that is not in that table, what tells whether it was done.
        """
        return await self._ask("POST", path, answer, body=body, timeout=timeout, look=look)

    async def search(self, path: str, answer: type[A], *, body: Any, timeout: float | None = None) -> A:
        """A POST that only reads."""
        return await self._ask("POST", path, answer, body=body, timeout=timeout, idempotent=True)

    async def patch(self, path: str, *, body: Any, timeout: float | None = None) -> None:
        """Set a state; doing it twice is doing it once, so it is repeated. Cancelled, it may or may not be set."""
        operation = Operation("PATCH", path, self._settings.token)
        await self._exchange(operation, body=body, timeout=timeout, idempotent=True)

    async def change(self, path: str, answer: type[A], *, body: Any, timeout: float | None = None) -> A:
        """The same where the answer is wanted. Cancelled, it may or may not be set."""
        return await self._ask("PATCH", path, answer, body=body, timeout=timeout, idempotent=True)

    async def act(self, path: str, *, body: Any, timeout: float | None = None, look: str | None = None) -> None:
        """A POST whose answer says nothing more than that it is done. See `post`."""
        operation = Operation("POST", path, self._settings.token)
        await self._exchange(operation, body=body, timeout=timeout, look=look)

    async def delete(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        look: str | None = None,
    ) -> None:
        """Delete something. Repeated; that it is not found by a repetition is what was wanted.

        aiohttp repeats it once by itself where a connection breaks that was used before, so NotFoundError may mean that
        it is gone already. Cancelling it leaves unknown whether it was done.
        """
        operation = Operation("DELETE", path, self._settings.token)
        await self._exchange(operation, params=params, timeout=timeout, idempotent=True, look=look)

    async def post_file(
        self, url: str, path: Path, name: str, *, on_sent: Callable[[float], None] | None = None
    ) -> None:
        """Post a file to a URL that carries its own permission; no key is sent. See `posting.post_file`."""
        told = trace(self._hooks, self.identity, "POST", lambda: "{upload_url}", alone=self._alone)
        try:
            reply = await post_file(self._http(), url, path, name, self._settings.token, on_sent=on_sent)
        except BaseException as error:
            if told is not None:
                told.failed(error)
            raise
        if told is not None:
            told.finished(reply, "{upload_url}")

    async def websocket(
        self, url: str, *, heartbeat: float, max_msg_size: int, timeout: float
    ) -> aiohttp.ClientWebSocketResponse[Literal[False]]:
        """Open a websocket. Text frames come as bytes. Nothing is added to the URL: any credential is in it already."""
        try:
            async with asyncio.timeout(timeout):
                return await self._http().ws_connect(
                    self._access.websocket_url(url),
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
        except aiohttp.ClientHttpProxyError as error:
            raise ConnectionFailedError(f"no websocket at {_bare(url)}: {_proxy_says(error)}") from None
        except aiohttp.ClientConnectorError as error:
            raise ConnectionFailedError(f"no websocket at {_bare(url)}: {describe(error)}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # `from None`: aiohttp's error holds the URL, which holds a credential
            raise ConnectionFailedError(f"no websocket at {_bare(url)}: {type(error).__name__}") from None

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def start(self, work: Coroutine[Any, Any, A], name: str) -> asyncio.Task[A]:
        """Have the first request of a job made, whether or not somebody waits for it; closing the transport ends it."""
        task = asyncio.create_task(work, name=f"aiortstream {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def begin(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout: float | None = None,
        look: str | None = None,
    ) -> Undertaking:
        """Ask for something without waiting for more than the first answer. A GET is repeated as `get` is."""
        operation = Operation(method, path, self._settings.token)
        return await self._begin(
            operation, params=params, body=body, timeout=timeout, idempotent=method == "GET", look=look
        )

    async def begin_repeated(
        self, path: str, *, body: Any, pending: Callable[[Undertaking], str | None], timeout: float | None = None
    ) -> Undertaking:
        """The same for a POST that is made again and again until its answer is the result.

        `pending` has the server's word for an answer that is not, and None for one that is.
        """
        asked = await self.begin("POST", path, body=body, timeout=timeout)
        if asked.is_over and (said := pending(asked)) is not None:
            asked.envelope = msgspec.structs.replace(asked.envelope, status=said)
            asked.url = self._base.join(URL(path, encoded=True))
            asked.again = lambda within: self.begin_repeated(path, body=body, pending=pending, timeout=within)
        return asked

    def nothing(self) -> Undertaking:
        """What is over before anything has been asked for."""
        return Undertaking(Operation("", "", self._settings.token), plain_error, iter(()), Envelope())

    async def look(self, undertaking: Undertaking, *, within: float) -> None:
        """Ask once what has become of it. A server that cannot say so at the moment leaves it as it is.

        `within`: seconds for it, if they are fewer than for any request. Raises what the operation failed with. Raising
        ConnectionFailedError or RequestTimeoutError leaves it as it is too. Cancelling it changes nothing.
        """
        operation, url = undertaking.operation, undertaking.url
        if url is None:
            return
        if undertaking.again is not None:
            await undertaking.ask_again(min(within, self._options.timeout or self._settings.timeout))
            return
        deadline = asyncio.get_running_loop().time() + min(within, self._options.timeout or self._settings.timeout)
        with_key = url.origin() == self._base.origin()
        try:
            get = replace(operation, method="GET")
            reply = await self._attempts(Call(get, url, None, None, True, with_key, deadline, template=JOB))
        except (ConnectionFailedError, RequestTimeoutError) as error:
            why = f"{operation}: lost sight of it while it was processing ({error})"
            raise undertaking.lost(type(error), why) from error
        if reply.status in TRANSIENT_STATUS:
            return  # the job itself goes on
        envelope = open_envelope(reply, operation)
        if not envelope.in_progress:
            if bytes(envelope.response) not in (b"", b"null"):
                envelope = open_envelope(replace(reply, body=bytes(envelope.response)), operation)
            undertaking.url = None
        undertaking.envelope = envelope

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("%s ended with %s", task.get_name(), type(error).__name__)  # who waits for it is told

    async def aclose(self) -> None:
        """Close the session, unless it is the caller's."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._access.aclose()

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
        look: str | None = None,
    ) -> A:
        operation = Operation(method, path, self._settings.token)
        envelope = await self._exchange(
            operation, params=params, body=body, timeout=timeout, idempotent=idempotent, look=look
        )
        return decode(envelope.data, answer, operation)

    async def _exchange(
        self,
        operation: Operation,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout: float | None = None,
        idempotent: bool = False,
        look: str | None = None,
    ) -> Envelope:
        """One operation to its end, be it a job."""
        asked = await self._begin(
            operation, params=params, body=body, timeout=timeout, idempotent=idempotent, look=look
        )
        loop = asyncio.get_running_loop()
        end = loop.time() + self.job_timeout
        while not asked.is_over:
            delay = next(asked.delays)
            if loop.time() + delay >= end:
                raise RequestTimeoutError(f"{operation}: still processing after {self.job_timeout:.0f} s")
            await asyncio.sleep(delay)
            await self.look(asked, within=end - loop.time())
        return asked.envelope

    async def _begin(
        self,
        operation: Operation,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout: float | None = None,
        idempotent: bool = False,
        look: str | None = None,
    ) -> Undertaking:
        seconds = self._options.timeout or timeout or self._settings.timeout
        rule = rule_of(operation.method, operation.path)
        call = Call(
            operation,
            self._base.join(URL(operation.path, encoded=True)),
            None if body is None else wire_body(body),
            _query(params),
            idempotent if rule is None else rule.repeat == "always",
            with_key=True,
            deadline=asyncio.get_running_loop().time() + seconds,
            look=look if rule is None else rule.check,
            template=None if rule is None else rule.path,
        )
        try:
            envelope = open_envelope(await self._attempts(call), operation)
        except ServerError as error:
            raise call.refused(error) from None
        asked = Undertaking(operation, call.failed, self._job_delays(), envelope)
        if envelope.is_detached:
            asked.envelope = Envelope()
        elif envelope.in_progress:
            asked.url = job_url(envelope, operation)
        return asked

    async def _attempts(self, call: Call) -> Reply:
        """One request with its attempts, and what is told of it."""
        method, path = call.operation.method, call.operation.path
        told = trace(self._hooks, self.identity, method, call.path_without_ids, alone=self._alone)
        if told is None:
            return await self._repeat(call, None)
        try:
            reply = await self._repeat(call, told)
        except BaseException as error:
            told.failed(error)
            raise
        told.finished(reply, f"/{path}")
        return reply

    async def _repeat(self, call: Call, told: Trace | None) -> Reply:
        """Attempts until one is answered for good, within the deadline."""
        delays = self._delays()
        options = self._options.max_retries
        left = self._settings.max_retries if options is None else options
        taken = False  # whether an attempt before may have been carried out
        while True:
            reply: Reply | None = None
            failure: Exception | None = None
            try:
                reply = await self._send(call)
            except UnreachedError as unreached:
                failure = unreached.error
                delay = None if unreached.lasting or not left else pause(call, delays, sent=False)
                if delay is None:
                    raise unreached.error from unreached.__cause__
                logger.info("%s; again in %.2f s", failure, delay)
            except ConnectionFailedError as error:
                failure = error
                delay = pause(call, delays) if left else None
                if delay is None:
                    raise
                taken = True
                logger.info("%s; again in %.2f s", error, delay)
            else:
                again = left and reply.status in TRANSIENT_STATUS
                refused = reply.status == TOO_MANY  # by itself, before anything was done
                delay = pause(call, delays, sent=not refused, asked=reply.retry_after) if again else None
                if delay is None:
                    return gone(reply) if taken and call.operation.method == "DELETE" else reply
                taken = taken or not refused
                logger.info("%s: HTTP %d; again in %.2f s", call.operation, reply.status, delay)
            if told is not None:
                told.retrying(delay, reply, failure)
            left -= 1
            await asyncio.sleep(delay)

    async def _send(self, call: Call) -> Reply:
        remaining = call.deadline - asyncio.get_running_loop().time()
        headers = {"x-videodb-client": f"aiortstream/{__version__}", "Content-Type": "application/json"}
        if call.with_key:
            headers = {**self._options.headers, **headers, "x-access-token": self._settings.token}
        sent = 0.0 if self._server_time is None else self._server_time.now()
        try:
            async with (
                asyncio.timeout(max(remaining, 0.0)),
                self._http().request(
                    call.operation.method,
                    call.url,
                    params=call.params,
                    data=call.body,
                    headers=headers,
                    allow_redirects=False,
                    raise_for_status=False,
                    timeout=_NO_TIMEOUT,
                ) as response,
            ):
                if self._server_time is not None and call.with_key:
                    self._server_time.observe(response.headers.get("Date"), sent)
                body = await _read_body(response, call.operation)
                return Reply(response.status, body, *read_headers(response.headers), response.headers)
        except TimeoutError as error:
            raise call.failed(RequestTimeoutError, f"{call.operation}: no answer in time") from error
        except aiohttp.ClientConnectorError as error:
            failed = ConnectionFailedError(f"{call.operation}: cannot connect: {describe(error)}")
            lasting = isinstance(error, aiohttp.ClientConnectorCertificateError)
            raise UnreachedError(failed, lasting=lasting) from error
        except aiohttp.ClientHttpProxyError as error:
            # `from None`: aiohttp's error holds the request to the proxy, and so its password
            raise UnreachedError(ConnectionFailedError(f"{call.operation}: {_proxy_says(error)}")) from None
        except (aiohttp.ClientError, OSError) as error:
            # aiohttp's error of an answer that is not HTTP holds our headers, and so the key
            cause = None if isinstance(error, aiohttp.ClientResponseError) else error
            why = f"{call.operation}: the connection broke ({type(error).__name__})"
            raise call.failed(ConnectionFailedError, why) from cause

    def _http(self) -> aiohttp.ClientSession:
        return self._access.session()


async def _read_body(response: aiohttp.ClientResponse, operation: Operation) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(256 * 1024):
        size += len(chunk)
        if size > MAX_BODY:
            raise ProtocolError(f"{operation}: an answer of more than {MAX_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _query(params: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Query parameters as the wire has them: None is left out, whole seconds are whole numbers."""
    if params is None:
        return None
    return {
        name: str(int(value) if isinstance(value, float) and value.is_integer() else value)
        for name, value in params.items()
        if value is not None
    }


def _proxy_says(error: aiohttp.ClientHttpProxyError) -> str:
    asks = ": it wants proxy_auth=" if error.status == 407 else ""
    return f"the proxy would not connect (HTTP {error.status}){asks}"


def _bare(url: str) -> str:
    """A URL without what may be secret in it: no user, path or query."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return "a malformed URL"
