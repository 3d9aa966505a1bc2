"""What the handles of one client share: its transport and its live hub, on one event loop, until it is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiortstream.errors import ClientClosedError, WrongLoopError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiortstream.access import Access
    from aiortstream.live.clock import Clock
    from aiortstream.live.hub import LiveHub
    from aiortstream.live.settings import LiveSettings
    from aiortstream.options import CallOptions
    from aiortstream.tracing import CallHook
    from aiortstream.transport import Transport, TransportSettings

_CLOSED = "the client is closed: make another one"
_OTHER_LOOP = "the client belongs to another event loop or thread: make one client a loop"


class Context:
    """Made by the client; opened with the address of a server, and used by handles through `transport` and `live`."""

    def __init__(
        self, live_settings: LiveSettings | None, clock: Clock | None = None, call_hooks: Sequence[CallHook] = ()
    ) -> None:
        self._call_hooks = call_hooks
        self._live_settings = live_settings
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None  # the one it was opened on
        self._transport: Transport | None = None
        self._live: LiveHub | None = None
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether it knows its server and is not closed."""
        return self._transport is not None and not self._closed

    @property
    def is_closed(self) -> bool:
        """Whether it has been closed, for good."""
        return self._closed

    @property
    def transport(self) -> Transport:
        """The way to the server. Refused when closed, not opened, or on another event loop."""
        self._check()
        assert self._transport is not None
        return self._transport

    @property
    def live(self) -> LiveHub:
        """The websocket and the watches. Refused as `transport` is."""
        self._check()
        assert self._live is not None
        return self._live

    def with_options(self, options: CallOptions) -> Context:
        """The same for handles whose requests have other options."""
        return _View(self, options)

    def open(self, settings: TransportSettings, access: Access | None) -> None:
        """Know the server, and how it is reached. Refused once it has been closed.

        Imports what needs aiohttp, so that importing the package does not.
        """
        if self._closed:
            raise ClientClosedError(_CLOSED)
        from aiortstream.gateway import RestGateway
        from aiortstream.live.clock import ServerTime, SystemClock
        from aiortstream.live.hub import LiveHub
        from aiortstream.live.settings import LiveSettings
        from aiortstream.tracing import CallHooks
        from aiortstream.transport import Transport

        if access is not None:
            access.check_loop()
        live = self._live_settings or LiveSettings()
        clock = self._clock or SystemClock()
        server_time = ServerTime(clock)
        self._loop = asyncio.get_running_loop()
        hooks = CallHooks(self._call_hooks)
        self._transport = Transport(settings, access=access, hooks=hooks, server_time=server_time)
        gateway = RestGateway(self._transport.in_background(), live)
        self._live = LiveHub(gateway, live, clock=clock, server_time=server_time)

    async def aclose(self) -> None:
        """End the watches, the websocket and the connections. Safe to call twice, on its own event loop."""
        self._closed = True
        try:
            if self._live is not None:
                await self._live.aclose()
        finally:
            if self._transport is not None:
                await self._transport.aclose()

    def check_loop(self) -> None:
        """Raise WrongLoopError anywhere but on the event loop that it was opened on, if it was."""
        if self._loop is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise WrongLoopError("the client is used outside its event loop: call it from a coroutine") from None
        if loop is not self._loop:
            raise WrongLoopError(_OTHER_LOOP)

    def _check(self) -> None:
        if self._closed:
            raise ClientClosedError(_CLOSED)
        if self._transport is None:
            raise ClientClosedError("the client is not open: use `async with client:` or `await client` first")
        self.check_loop()


class _View(Context):
    """A context whose requests have options of their own. All else is that of the one it is a view of."""

    def __init__(self, whole: Context, options: CallOptions) -> None:
        self._whole = whole
        self._options = options
        self._made: tuple[Transport, Transport] | None = None  # of the whole, and with the options

    @property
    def is_open(self) -> bool:
        return self._whole.is_open

    @property
    def is_closed(self) -> bool:
        return self._whole.is_closed

    @property
    def transport(self) -> Transport:
        shared = self._whole.transport
        if self._made is None or self._made[0] is not shared:
            self._made = shared, shared.with_options(self._options)
        return self._made[1]

    @property
    def live(self) -> LiveHub:
        return self._whole.live

    def with_options(self, options: CallOptions) -> Context:
        return _View(self._whole, self._options.then(options))

    def open(self, settings: TransportSettings, access: Access | None) -> None:
        self._whole.open(settings, access)

    async def aclose(self) -> None:
        await self._whole.aclose()

    def check_loop(self) -> None:
        self._whole.check_loop()
