"""Capture sessions: what the channels of one user's machine record together, as one stream a channel.

    session = await coll.create_capture_session(end_user_id="user-7")
    await session.start([CaptureChannel("mic"), CaptureChannel("screen", type="video")])
    await session.refresh()
    for stream in session.get_rtstream("mic"):
        await stream.start_transcript()

On the hosted service recording itself is done by the vendor's desktop program, which is given a token
(`client.generate_client_token()`) in place of the key. The embedded server gives each channel an address, which
`session.get_rtsp_urls()` tells, on the machine that it runs on: any encoder pushes RTMP to it. How a session goes on is
told by `client.watch_events()`, as `CaptureSessionEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import UNSET, structs

from aiortstream.arguments import non_empty, path_of
from aiortstream.checking import checked
from aiortstream.errors import InvalidArgumentError, InvalidRequestError, ProtocolError
from aiortstream.handles import Handle
from aiortstream.jobs import Job
from aiortstream.live.bindings import OWN, ConnectionChoice
from aiortstream.paging import At, Paged, Part
from aiortstream.records import Keyed
from aiortstream.rtstreams import RTStream
from aiortstream.wire import capture, rest

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.jobs import OnProgress
    from aiortstream.undertakings import Undertaking

_EXPORTING = "exporting"


class CaptureChannel(Keyed, frozen=True):
    """One source of a session. `id` is its category: `mic`, `screen` or `system_audio`; `store` is whether it records.

    `is_primary`: the video that is exported where none is named. The server says so; it is not sent.
    """

    id: str
    name: str | None = None
    type: capture.ChannelType = "audio"
    store: bool = True
    is_primary: bool = False
    aliases: ClassVar[Mapping[str, str]] = {"channel_id": "id", "channel_name": "name"}


class CaptureExportResult(Keyed, frozen=True):
    """The video that an export of a session made, of one of its video channels."""

    video_id: str
    video_channel_id: str | None = None
    stream_url: str | None = None
    player_url: str | None = None


@checked
class CaptureSession(Handle):
    """A capture session of a collection.

    `status` is the server's word: created, starting, active, stopping, stopped, exported or failed; `export_status` is
    None, exporting, exported or failed. `channels` and `rtstreams` are empty before it has started, and are those of
    the last answer: see `refresh`.
    """

    def __init__(self, context: Context, collection_id: str, answer: capture.SessionAnswer) -> None:
        self._context = context
        self.collection_id = collection_id
        session_id = answer.session_id or answer.id
        if not session_id:
            raise ProtocolError("a capture session without session_id")
        self.id = session_id
        self._read(answer)

    def _read(self, answer: capture.SessionAnswer) -> None:
        self.end_user_id = answer.end_user_id
        self.client_id = answer.client_id
        self.status = answer.status
        self.callback_url = answer.callback_url
        self.metadata: Mapping[str, Any] = answer.metadata or {}
        self.created_at = answer.created_at
        self.channels = [_channel(each) for each in answer.channels or ()]
        self.rtstreams = [stream for each in answer.rtstreams or () if (stream := self._stream(each)) is not None]
        self.primary_video_channel_id = answer.primary_video_channel_id
        self.exported_video_id = answer.exported_video_id
        self.export_status = answer.export_status

    def _stream(self, answer: capture.SessionStreamAnswer) -> RTStream | None:
        stream_id = answer.rtstream_id or answer.id
        if not stream_id:
            return None
        told = rest.RTStreamAnswer(
            stream_id,
            answer.name,
            self.collection_id,
            status=answer.status,
            media_types=answer.media_types,
            channel_id=answer.channel_id,
        )
        return RTStream(self._context, told)

    def __repr__(self) -> str:
        return f"CaptureSession(id={self.id!r}, status={self.status!r}, collection_id={self.collection_id!r})"

    @property
    def displays(self) -> list[CaptureChannel]:
        """Its channels that are video."""
        return [channel for channel in self.channels if channel.type == "video"]

    def get_rtstream(self, category: str) -> list[RTStream]:
        """Its streams of one category, `mic`, `screen` or `system_audio`, as the last answer had them."""
        wanted = non_empty(category, "category").lower()
        return [stream for stream in self.rtstreams if (stream.channel_id or "").lower() == wanted]

    async def refresh(self) -> CaptureSession:
        """Read its properties again. Raises NotFoundError. Cancelling it changes nothing."""
        self._read(await self._context.transport.get(self._path(), capture.SessionAnswer))
        return self

    async def start(
        self,
        channels: Sequence[CaptureChannel],
        ws_connection_id: ConnectionChoice = OWN,
        callback_url: str | None = None,
    ) -> None:
        """Start it with these channels, each of which becomes a stream; `get_rtsp_urls` tells where their sources are.

        `ws_connection_id`: where its events are sent, by default this client's own websocket; `callback_url` is told of
        them too. Raises InvalidRequestError, NotFoundError, PaymentRequiredError. Cancelling it leaves unknown whether
        it was started: see `refresh`.
        """
        if not channels or not all(isinstance(channel, CaptureChannel) for channel in channels):
            raise InvalidArgumentError("channels: expected a list of at least one CaptureChannel")
        wanted = [
            capture.StartChannel(
                non_empty(each.id, "channels: id"), UNSET if each.name is None else each.name, each.type, each.store
            )
            for each in channels
        ]
        body = capture.StartSessionRequest(
            self.id,
            wanted,
            await self._context.live.connection_id(ws_connection_id) or UNSET,
            UNSET if callback_url is None else callback_url,
        )
        answer = await self._context.transport.post("capture/session/start", capture.StartSessionAnswer, body=body)
        self.status = answer.status

    async def stop(self) -> None:
        """Stop it; its streams stay. Raises NotFoundError. Cancelled, it may or may not be: see `refresh`."""
        await self._context.transport.act(path_of("capture", "session", self.id, "stop"), body={})

    async def get_rtsp_urls(self) -> dict[str, str]:
        """Where the source of each channel is, by the channel's id. Raises NotFoundError.

        Cancelling it changes nothing.
        """
        path = path_of("capture", "session", self.id)
        answer = await self._context.transport.get(path, capture.SessionUrlsAnswer)
        return {each.channel_id: each.rtsp_url for each in answer.channels or () if each.rtsp_url}

    def export(
        self,
        video_channel_id: str | None = None,
        ws_connection_id: ConnectionChoice = OWN,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job[CaptureExportResult]:
        """Make a video of one of its video channels, the primary one unless `video_channel_id` names another.

        `ws_connection_id`: where `capture_session.exported` is sent too. Await it, or follow it as `Job` says. Raises
        InvalidRequestError where it fails, NotFoundError, JobTimeoutError. Cancelling it leaves the export going on.
        """

        async def begin(_: object) -> Undertaking:
            connection = await self._context.live.connection_id(ws_connection_id)
            body = capture.ExportSessionRequest(
                UNSET if video_channel_id is None else video_channel_id, connection or UNSET
            )
            return await self._context.transport.begin_repeated(
                f"{self._path()}/export", body=body, pending=_still_exporting
            )

        return Job(self._context, f"export of {self.id}", begin, _exported, timeout=timeout, on_progress=on_progress)

    def _path(self) -> str:
        return path_of("collection", self.collection_id, "capture", "session", self.id)


def _channel(answer: capture.ChannelAnswer) -> CaptureChannel:
    return CaptureChannel(
        answer.channel_id,
        answer.name,
        "video" if answer.type == "video" else "audio",
        bool(answer.store),
        bool(answer.is_primary),
    )


def _still_exporting(asked: Undertaking) -> str | None:
    return _EXPORTING if asked.read(capture.ExportSessionAnswer).export_status == _EXPORTING else None


def _exported(asked: Undertaking) -> CaptureExportResult:
    answer = asked.read(capture.ExportSessionAnswer)
    if answer.export_status == "failed":
        raise InvalidRequestError(f"the export of capture session {answer.session_id or ''} failed".replace("  ", " "))
    if not answer.video_id:
        raise ProtocolError(f"{asked.operation}: an export that is {answer.export_status!r}, without video_id")
    return CaptureExportResult(answer.video_id, answer.video_channel_id, answer.stream_url, answer.player_url)


# --- of a collection --------------------------------------------------------------------------------------------------


async def create_session(
    context: Context,
    collection_id: str,
    end_user_id: str,
    callback_url: str | None,
    ws_connection_id: ConnectionChoice,
    metadata: Mapping[str, Any] | None,
) -> CaptureSession:
    """A new session in a collection."""
    body = capture.CreateSessionRequest(
        non_empty(end_user_id, "end_user_id"),
        UNSET if callback_url is None else callback_url,
        await context.live.connection_id(ws_connection_id) or UNSET,
        UNSET if metadata is None else dict(metadata),
    )
    answer = await context.transport.post(_sessions(collection_id), capture.SessionAnswer, body=body)
    return CaptureSession(context, collection_id, answer)


async def get_session(context: Context, collection_id: str, session_id: str) -> CaptureSession:
    """The session of that id."""
    path = f"{_sessions(collection_id)}/{path_of(session_id)}"
    answer = await context.transport.get(path, capture.SessionAnswer)
    return CaptureSession(context, collection_id, structs.replace(answer, session_id=session_id))


def list_sessions(
    context: Context, collection_id: str, status: str | None
) -> Paged[list[CaptureSession], CaptureSession]:
    """The sessions of a collection, of one status or of any."""

    async def fetch(at: At | None) -> Part[list[CaptureSession], CaptureSession]:
        params = {"status": status, "cursor": at}
        answer = await context.transport.get(_sessions(collection_id), capture.SessionsAnswer, params=params)
        sessions = [CaptureSession(context, collection_id, each) for each in answer.sessions]
        return Part(sessions, sessions, answer.next_page if sessions else None)

    return Paged(fetch, lambda session: session.id)


def _sessions(collection_id: str) -> str:
    return path_of("collection", collection_id, "capture", "session")
