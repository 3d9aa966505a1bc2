"""Live video streams in asyncio: VideoDB's RTStream API, against the hosted service or an embedded server.

    import aiortstream

    async with aiortstream.AsyncClient.local() as client:
        rtstream = await client.connect_rtstream(url="rtsp://camera/front", media_types=["audio", "video"], store=True)
        await rtstream.start_transcript()
        async with rtstream.watch_transcript() as segments:
            async for segment in segments:
                print(segment.start, segment.text)

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aiortstream._version import __version__

if TYPE_CHECKING:
    from aiortstream.alerts import AlertDefinition, EventDefinition
    from aiortstream.capture_sessions import CaptureChannel, CaptureExportResult, CaptureSession
    from aiortstream.client import AsyncClient, connect
    from aiortstream.collections import Collection
    from aiortstream.errors import (
        AuthenticationError,
        ClientClosedError,
        ConnectionFailedError,
        DataLost,
        Error,
        InvalidArgumentError,
        InvalidRequestError,
        JobTimeoutError,
        NoResultsError,
        NotFoundError,
        OutcomeUnknownError,
        PaymentRequiredError,
        ProtocolError,
        RateLimitedError,
        RequestTimeoutError,
        SearchError,
        ServerError,
        ServerStartError,
        VideodbError,
        WrongLoopError,
    )
    from aiortstream.exports import RTStreamExportResult
    from aiortstream.indexes import AudioBatchConfig, RTStreamSceneIndex, ScenePage, VisualBatchConfig
    from aiortstream.jobs import Job, JobUpdate
    from aiortstream.live.batches import Batches
    from aiortstream.live.bindings import OWN
    from aiortstream.live.failures import ConnectionFailure, classify_failure
    from aiortstream.live.health import LiveHealth
    from aiortstream.live.hooks import (
        BindingSettled,
        ConnectionLost,
        ConnectionOpened,
        ConnectionRetrying,
        GapClosed,
        GapOpened,
        LiveEvent,
        StateChanged,
    )
    from aiortstream.live.settings import LiveSettings
    from aiortstream.live.states import WatchState, WatchStatistics
    from aiortstream.live.watch import Watch
    from aiortstream.paging import Items, Paged, Pages
    from aiortstream.records import (
        Alert,
        CaptureSessionEvent,
        DecodeFailure,
        Event,
        Gap,
        PartialTranscript,
        Scene,
        SpokenWord,
        TranscriptSegment,
        UnknownEvent,
    )
    from aiortstream.rtstreams import RTStream
    from aiortstream.search import RTStreamSearchResult, RTStreamShot
    from aiortstream.tracing import (
        CallEvent,
        CallHook,
        RawResponse,
        RequestFailed,
        RequestFinished,
        RequestRetrying,
        RequestStarted,
        Responses,
    )
    from aiortstream.transcripts import TranscriptPage, TranscriptStatus
    from aiortstream.understandings import RecordPage, RTStreamIndex, RTStreamUnderstanding
    from aiortstream.video_search import SearchResponse, SearchResult, Shot
    from aiortstream.videos import Image, SpokenPiece, Video

_MODULES = {
    "alerts": ("AlertDefinition", "EventDefinition"),
    "client": ("AsyncClient", "connect"),
    "capture_sessions": ("CaptureChannel", "CaptureExportResult", "CaptureSession"),
    "collections": ("Collection",),
    "errors": (
        "AuthenticationError",
        "ClientClosedError",
        "ConnectionFailedError",
        "DataLost",
        "Error",
        "InvalidArgumentError",
        "InvalidRequestError",
        "JobTimeoutError",
        "NoResultsError",
        "NotFoundError",
        "OutcomeUnknownError",
        "PaymentRequiredError",
        "ProtocolError",
        "RateLimitedError",
        "RequestTimeoutError",
        "SearchError",
        "ServerError",
        "ServerStartError",
        "VideodbError",
        "WrongLoopError",
    ),
    "exports": ("RTStreamExportResult",),
    "understandings": ("RTStreamIndex", "RTStreamUnderstanding", "RecordPage"),
    "indexes": ("AudioBatchConfig", "RTStreamSceneIndex", "ScenePage", "VisualBatchConfig"),
    "jobs": ("Job", "JobUpdate"),
    "live.batches": ("Batches",),
    "live.bindings": ("OWN",),
    "live.failures": ("ConnectionFailure", "classify_failure"),
    "live.states": ("WatchState", "WatchStatistics"),
    "live.health": ("LiveHealth",),
    "live.hooks": (
        "BindingSettled",
        "ConnectionLost",
        "ConnectionOpened",
        "ConnectionRetrying",
        "GapClosed",
        "GapOpened",
        "LiveEvent",
        "StateChanged",
    ),
    "live.settings": ("LiveSettings",),
    "live.watch": ("Watch",),
    "paging": ("Items", "Paged", "Pages"),
    "records": (
        "Alert",
        "CaptureSessionEvent",
        "DecodeFailure",
        "Event",
        "Gap",
        "PartialTranscript",
        "Scene",
        "SpokenWord",
        "TranscriptSegment",
        "UnknownEvent",
    ),
    "rtstreams": ("RTStream",),
    "search": ("RTStreamSearchResult", "RTStreamShot"),
    "tracing": (
        "CallEvent",
        "CallHook",
        "RawResponse",
        "RequestFailed",
        "RequestFinished",
        "RequestRetrying",
        "RequestStarted",
        "Responses",
    ),
    "transcripts": ("TranscriptPage", "TranscriptStatus"),
    "video_search": ("SearchResponse", "SearchResult", "Shot"),
    "videos": ("Image", "SpokenPiece", "Video"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [  # noqa: RUF022 - grouped as the imports above are; a test holds the two lists together
    "__version__",
    "AlertDefinition",
    "EventDefinition",
    "AsyncClient",
    "connect",
    "CaptureChannel",
    "CaptureExportResult",
    "CaptureSession",
    "Collection",
    "AuthenticationError",
    "ClientClosedError",
    "ConnectionFailedError",
    "DataLost",
    "Error",
    "InvalidArgumentError",
    "InvalidRequestError",
    "JobTimeoutError",
    "NoResultsError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PaymentRequiredError",
    "ProtocolError",
    "RateLimitedError",
    "RequestTimeoutError",
    "SearchError",
    "ServerError",
    "ServerStartError",
    "VideodbError",
    "WrongLoopError",
    "RTStreamExportResult",
    "AudioBatchConfig",
    "RTStreamSceneIndex",
    "RTStreamIndex",
    "RTStreamUnderstanding",
    "RecordPage",
    "ScenePage",
    "VisualBatchConfig",
    "Job",
    "JobUpdate",
    "Batches",
    "OWN",
    "ConnectionFailure",
    "classify_failure",
    "WatchState",
    "WatchStatistics",
    "LiveHealth",
    "BindingSettled",
    "ConnectionLost",
    "ConnectionOpened",
    "ConnectionRetrying",
    "GapClosed",
    "GapOpened",
    "LiveEvent",
    "StateChanged",
    "LiveSettings",
    "Watch",
    "Items",
    "Paged",
    "Pages",
    "Alert",
    "CaptureSessionEvent",
    "DecodeFailure",
    "Event",
    "Gap",
    "PartialTranscript",
    "Scene",
    "SpokenWord",
    "TranscriptSegment",
    "UnknownEvent",
    "RTStream",
    "RTStreamSearchResult",
    "RTStreamShot",
    "CallEvent",
    "CallHook",
    "RawResponse",
    "RequestFailed",
    "RequestFinished",
    "RequestRetrying",
    "RequestStarted",
    "Responses",
    "TranscriptPage",
    "TranscriptStatus",
    "SearchResponse",
    "SearchResult",
    "Shot",
    "Image",
    "SpokenPiece",
    "Video",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
