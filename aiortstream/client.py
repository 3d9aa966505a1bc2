"""The client: where every operation starts. Settings, lifetime, and the way to every handle."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from aiortstream.access import AccessSettings
from aiortstream.alerts import EventDefinition, event_request, read_event
from aiortstream.arguments import non_empty, path_of
from aiortstream.checking import checked
from aiortstream.collections import Collection
from aiortstream.context import Context
from aiortstream.errors import (
    ClientClosedError,
    InvalidArgumentError,
    OutcomeUnknownError,
    ServerStartError,
    UnansweredInTimeError,
    VideodbError,
)
from aiortstream.opening import credential, server_url, start_server
from aiortstream.options import call_options
from aiortstream.paging import Paged, one_page
from aiortstream.records import Alert, Event, Gap
from aiortstream.rtstreams import RTStream
from aiortstream.shortcuts import DefaultCollection
from aiortstream.tracing import capture
from aiortstream.videos import Video
from aiortstream.wire import capture as capture_wire
from aiortstream.wire import rest, videos

if TYPE_CHECKING:
    from ssl import SSLContext

    import aiohttp

    from aiortstream.live.clock import Clock
    from aiortstream.live.health import LiveHealth
    from aiortstream.live.settings import LiveSettings
    from aiortstream.live.watch import Watch
    from aiortstream.local.server import LocalServer
    from aiortstream.tracing import CallHook, Responses

HOSTED = "https://api.videodb.io"


@checked
class AsyncClient(DefaultCollection):
    """A client of one server: the hosted service with a key, or an embedded one (`AsyncClient.local()`).

    Use it as `async with AsyncClient() as client`, or `client = await AsyncClient()` and `await client.aclose()`. It
    belongs to the event loop it was opened on. Handles that it gives are cheap and share its connections.

    api_key: an API key, else the environment's `VIDEO_DB_API_KEY`. session_token: a token of
    `generate_client_token()` in its place, which permits what capturing needs and ends; not both.
    base_url: the server, else the environment's `VIDEO_DB_API`, else the hosted service.
    timeout: seconds for one request with its retries. max_retries: for what is safe to repeat.
    live: settings of the websocket and the watches.
    proxy: the URL of an HTTP proxy for requests and websocket. proxy_auth: user and password for it. trust_env: have
    the environment's `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` say which, and `~/.netrc`. ca_file: certificates in PEM to
    trust besides the system's. ssl: a context in its place.
    session: an aiohttp session to use in place of all these, with its connector, proxy and tracing, for requests and
    websocket. It has to be of the event loop that the client is opened on, and is not closed with it.
    hooks: told of every request as it happens; see `aiortstream.tracing`.
    clock: what the watches take the time from, and wait by; for tests (`aiortstream.testing.VirtualClock`).
    Raises AuthenticationError without a key, InvalidArgumentError for settings that make no sense.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        session_token: str | None = None,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        live: LiveSettings | None = None,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        proxy_auth: tuple[str, str] | None = None,
        trust_env: bool = False,
        ssl: SSLContext | None = None,
        ca_file: str | PathLike[str] | None = None,
        hooks: Sequence[CallHook] = (),
        clock: Clock | None = None,
    ) -> None:
        if timeout <= 0:
            raise InvalidArgumentError(f"timeout: expected seconds above 0, got {timeout!r}")
        if max_retries < 0:
            raise InvalidArgumentError(f"max_retries: expected 0 or more, got {max_retries!r}")
        self._token = credential(api_key, session_token, os.environ.get("VIDEO_DB_API_KEY"))
        self._base_url = server_url(base_url or os.environ.get("VIDEO_DB_API") or HOSTED)
        self._timeout = timeout
        self._max_retries = max_retries
        self._access_settings = AccessSettings(proxy, proxy_auth, trust_env, ssl, ca_file)
        self._access_settings.check(session)
        self._session = session
        if not all(callable(hook) for hook in hooks):
            raise InvalidArgumentError("hooks: expected functions that take an event")
        self._context: Context = Context(live, clock, hooks)
        self._viewed: AsyncClient | None = None  # the client that this is a view of
        self._opening = asyncio.Lock()
        self._local_settings: Mapping[str, Any] | None = None
        self._server: LocalServer | None = None

    @classmethod
    def local(
        cls,
        data_dir: str | Path | None = None,
        *,
        timeout: float = 30.0,
        max_retries: int = 2,
        live: LiveSettings | None = None,
        hooks: Sequence[CallHook] = (),
        clock: Clock | None = None,
        **server: Any,
    ) -> Self:
        """A client with a server of its own inside this program: no account, no network. Needs the extra `local`.

        data_dir: where it keeps what it records; None is a temporary folder that is deleted when the client closes.
        server: further fields of `aiortstream.local.settings.ServerSettings`. The server starts when the client is
        opened and stops when it closes; it is at `client.server` in between.
        """
        client = cls(
            "set-by-the-server",
            base_url=HOSTED,
            timeout=timeout,
            max_retries=max_retries,
            live=live,
            hooks=hooks,
            clock=clock,
        )
        client._local_settings = {
            "data_dir": None if data_dir is None else Path(data_dir),
            **server,
        }
        return client

    def __repr__(self) -> str:
        return f"AsyncClient({'local' if self._local_settings is not None else self._base_url})"

    # --- lifetime -----------------------------------------------------------------------------------------------------

    async def open(self) -> Self:
        """Make it ready; a local one starts its server. Opening an open client is nothing.

        Raises ServerStartError, ClientClosedError once it has been closed, or WrongLoopError where it is open on
        another event loop. Cancelling it leaves the client as it was before, with no server running.
        """
        if self._viewed is not None:
            await self._viewed.open()
            return self
        async with self._opening:
            if self._context.is_closed:
                raise ClientClosedError("the client is closed: make another one")
            if self._context.is_open:
                self._context.check_loop()
            else:
                await self._open()
        return self

    async def _open(self) -> None:
        from aiortstream.access import Access
        from aiortstream.transport import TransportSettings

        access = Access(self._access_settings, self._session)
        await access.prepare()
        if self._local_settings is not None:
            self._server = await start_server(self._local_settings)
            self._base_url, self._token = self._server.url, self._server.api_key
        settings = TransportSettings(self._base_url, self._token, self._timeout, self._max_retries)
        try:
            self._context.open(settings, access)
        except BaseException:
            await self._stop_server()  # the client was closed meanwhile
            raise

    async def aclose(self) -> None:
        """End its watches, close its connections, stop its server if it has one. Closing twice is nothing.

        Raises WrongLoopError on another event loop. Cancelling it cuts the waiting for peers short; call it again to be
        sure that all is closed. A view (`with_options`) is not closed, for it has nothing of its own:
        InvalidArgumentError.
        """
        self._refuse_view()
        self._context.check_loop()
        try:
            await self._context.aclose()
        finally:
            await self._stop_server()

    async def _stop_server(self) -> None:
        if self._server is not None:
            await self._server.aclose()
            self._server = None

    async def __aenter__(self) -> Self:
        self._refuse_view()
        return await self.open()

    def _refuse_view(self) -> None:
        if self._viewed is not None:
            raise InvalidArgumentError("a view of a client is not closed: open and close the client that it is of")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __await__(self) -> Generator[Any, Any, Self]:
        return self.open().__await__()

    def __del__(self) -> None:
        context = None if getattr(self, "_viewed", None) is not None else getattr(self, "_context", None)
        if context is not None and context.is_open:
            warnings.warn("AsyncClient dropped without aclose()", ResourceWarning, source=self, stacklevel=2)

    @property
    def server(self) -> LocalServer:
        """The embedded server of an open `AsyncClient.local()`."""
        if self._viewed is not None:
            return self._viewed.server
        if self._server is None:
            raise ServerStartError("no embedded server: this client is not AsyncClient.local(), or it is not open")
        return self._server

    # --- how calls are made -------------------------------------------------------------------------------------------

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncClient:
        """A view of this client, whose requests have options of their own; None leaves one as it is.

            await client.with_options(timeout=5.0, max_retries=0).get_rtstream(id)

        It shares connections, session and watches, costs nothing, and lives as long as the client: it is neither
        entered nor closed. Handles have the same method. timeout: seconds for one request with its retries, in place of
        what the call has by itself. max_retries: for what is safe to repeat. headers: sent besides our own to the
        server, and to nobody else. Watches, which share their polls, and the websocket go by `LiveSettings` whatever
        the options. Raises InvalidArgumentError.
        """
        other = copy.copy(self)
        options = call_options(timeout, max_retries, headers)
        other._context = self._context.with_options(options)  # noqa: SLF001 - a copy of this
        other._viewed = self._viewed or self  # noqa: SLF001
        return other

    @contextmanager
    def capture_responses(self) -> Iterator[Responses]:
        """Keep the answers to what is asked within: status, headers, request id, time, retries, body.

            with client.capture_responses() as responses:
                stream = await client.get_rtstream(id)
            print(responses.last.status, responses.last.request_id, responses.last.retries)

        Of any operation, of this task and the tasks that it starts meanwhile, and of no other; polls of watches are not
        among them. What an answer was read as is what the call returns, typed as ever: this is why there is no second
        kind of client with a raw form of every call. The newest thousand are kept.
        """
        with capture(self._context.transport.identity) as responses:
            yield responses

    # --- collections and streams --------------------------------------------------------------------------------------

    def rtstream(self, id: str) -> RTStream:  # noqa: A002 - the official SDK's name
        """A handle of a stream, with no request: it knows its id only."""
        return RTStream(self._context, rest.RTStreamAnswer(id))

    async def get_collection(self, collection_id: str = "default") -> Collection:
        """A collection by its id. Raises NotFoundError. Cancelling it changes nothing."""
        return await self.collection(collection_id).refresh()

    def get_collections(self) -> Paged[list[Collection], Collection]:
        """All collections, which come at once; to be awaited or iterated. Cancelling it changes nothing."""

        async def fetch() -> list[Collection]:
            answer = await self._context.transport.get("collection", rest.CollectionsAnswer)
            return [Collection(self._context, item) for item in answer.collections]

        return one_page(fetch, lambda collection: collection.id)

    async def create_collection(self, name: str, description: str, is_public: bool = False) -> Collection:
        """A new collection; names need not be unique. Raises InvalidRequestError, OutcomeUnknownError.

        The latter, and cancelling it, leaves unknown whether it was created: see `get_collections`.
        """
        body = videos.CreateCollectionRequest(non_empty(name, "name"), description, is_public)
        transport = self._context.transport
        answer = await transport.post("collection", rest.CollectionAnswer, body=body)
        return Collection(self._context, answer)

    async def update_collection(
        self,
        id: str,  # noqa: A002 - the official SDK's name
        name: str | None,
        description: str | None,
    ) -> Collection:
        """Change a collection's name and description; None leaves one as it is. Raises NotFoundError.

        Cancelled, it may or may not be done.
        """
        body = videos.UpdateCollectionRequest(name, description)
        path = path_of("collection", id)
        return Collection(self._context, await self._context.transport.change(path, rest.CollectionAnswer, body=body))

    async def get_rtstream(self, id: str) -> RTStream:  # noqa: A002 - the official SDK's name
        """A stream by its id. Raises NotFoundError. Cancelling it changes nothing."""
        return await self.rtstream(id).refresh()

    # --- capture sessions ---------------------------------------------------------------------------------------------

    async def generate_client_token(self, expires_in: int = 86_400) -> str:
        """A token for a program that captures, to be used in place of the key for `expires_in` seconds.

        It is a secret as the key is. Raises InvalidRequestError. Cancelling it may leave a token that nobody knows.
        """
        if expires_in < 1:
            raise InvalidArgumentError(f"expires_in: expected a whole number of seconds above 0, got {expires_in}")
        body = capture_wire.TokenRequest(expires_in)
        path = "capture/session/token"
        return (await self._context.transport.post(path, capture_wire.TokenAnswer, body=body)).token

    # --- videos and search --------------------------------------------------------------------------------------------

    def video(self, id: str) -> Video:  # noqa: A002 - the official SDK's name
        """A handle of a video, with no request: it knows its id only."""
        return Video(self._context, videos.VideoAnswer(id))

    async def get_video(self, video_id: str) -> Video:
        """A video by its id. Raises NotFoundError. Cancelling it changes nothing."""
        return await self.video(video_id).refresh()

    # --- events -------------------------------------------------------------------------------------------------------

    async def create_event(self, event_prompt: str, label: str) -> str:
        """Define what to look for, once, to be attached to any index with `create_alert`; the event's id.

        Labels need not be unique. Where its answer is lost, one of the same label and prompt is looked for, which is as
        good, and made again where there is none; raises OutcomeUnknownError where that fails too. Cancelling it leaves
        unknown whether it was created: see `list_events`.
        """
        body = event_request(event_prompt, label)
        transport = self._context.transport
        try:
            answer = await transport.post("rtstream/event", rest.EventIdAnswer, body=body)
        except UnansweredInTimeError:
            raise
        except OutcomeUnknownError as unknown:
            try:
                there = await self.list_events()
            except VideodbError as error:
                raise unknown from error
            for event in there:
                if (event.label, event.event_prompt) == (body.label, body.event_prompt):
                    return event.event_id
            answer = await transport.post("rtstream/event", rest.EventIdAnswer, body=body)
        return answer.event_id

    def list_events(self) -> Paged[list[EventDefinition], EventDefinition]:
        """All event definitions of the account, which come at once; to be awaited or iterated.

        Cancelling it changes nothing.
        """

        async def fetch() -> list[EventDefinition]:
            answer = await self._context.transport.get("rtstream/event", rest.EventsAnswer)
            return [read_event(event) for event in answer.events]

        return one_page(fetch, lambda event: event.event_id)

    def watch_events(self, *, max_buffer: int | None = None) -> Watch[Event | Gap]:
        """Everything that comes to this client's websocket, of every channel, unknown ones and bad frames included.

        At most once: a `Gap` for each stretch in which something may have been missed.
        """
        return self._context.live.watch_events(max_buffer=max_buffer)

    def watch_alerts(
        self, *, label: str | None = None, since: float | datetime | str | None = None, max_buffer: int | None = None
    ) -> Watch[Alert | Gap]:
        """The alerts of all streams; a `Gap` for each stretch in which one may have been missed.

        since: unix seconds, an aware datetime or a cursor. A server that keeps a log of alerts (the embedded one does)
        gives what fired since then, and leaves no gap; the hosted service keeps none, so that stretch is a gap.
        """
        return self._context.live.watch_alerts(None, label=label, since=since, max_buffer=max_buffer)

    def health(self) -> LiveHealth:
        """How the websocket, the polls and the watches are, as one frozen value. Makes no request."""
        return self._context.live.health()


def connect(
    api_key: str | None = None,
    session_token: str | None = None,
    base_url: str | None = None,
    log_level: int | None = None,
) -> AsyncClient:
    """The official SDK's way in: `conn = await connect()`. The same as `AsyncClient(...)`, opened when awaited.

    log_level: sets that of the logger `aiortstream`; None leaves it alone.
    """
    if log_level is not None:
        logging.getLogger("aiortstream").setLevel(log_level)
    return AsyncClient(api_key, session_token=session_token, base_url=base_url)
