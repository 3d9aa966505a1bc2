"""A server, a client of it with a handle of each kind, and one call of every public coroutine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from aiortstream import (
    AsyncClient,
    CaptureChannel,
    CaptureSession,
    LiveSettings,
    RTStream,
    RTStreamIndex,
    RTStreamSceneIndex,
    RTStreamUnderstanding,
    SearchResponse,
    SearchResult,
)
from aiortstream.testing import ScriptedServer
from aiortstream.wire import capture, rest, videos

QUICK = LiveSettings(
    reconnect_delay=0.01, max_reconnect_delay=0.05, poll_interval=0.02, max_poll_interval=0.05, max_polls_per_second=1e3
)
T = 1_720_000_000.0  # unix seconds


class World:
    """`client` need not be open; handles that `prepare` has not made know ids that the server does not."""

    def __init__(self, server: ScriptedServer, client: AsyncClient) -> None:
        self.server = server
        self.client = client
        self.rtstream: RTStream = client.rtstream(server.add_stream())
        self.index: RTStreamSceneIndex = self.rtstream.scene_index("index-0")
        self.event_id, self.alert_id = "event-0", "alert-0"
        self._hold()

    def _hold(self) -> None:
        context, stream = self.rtstream._context, self.rtstream.id
        self.understanding = RTStreamUnderstanding(context, stream, rest.UnderstandingAnswer("und-0"))
        self.understood_index = RTStreamIndex(context, stream, rest.IndexAnswer("idx-0"))

    async def prepare(self) -> None:
        self.index = await self.rtstream.index_visuals(prompt="?")
        self.event_id = await self.client.create_event("A person", "person")
        self.alert_id = await self.index.create_alert(self.event_id, callback_url="")
        self.server.emit_scene(self.index.rtstream_index_id, "a person", start=T, end=T + 2)

    def seen_by(self, client: AsyncClient) -> World:
        """The same with handles of another client."""
        other = World(self.server, client)
        other.rtstream = client.rtstream(self.rtstream.id)
        other.index = other.rtstream.scene_index(self.index.rtstream_index_id)
        other._hold()
        other.event_id, other.alert_id = self.event_id, self.alert_id
        return other


async def _play_first_shot(world: World) -> None:
    found = await world.rtstream.search("person")
    await found.get_shots()[0].generate_stream()


async def _embed_first_shot(world: World) -> None:
    found = await world.rtstream.search("person")
    await found.get_shots()[0].get_embed_code()


async def _open_first_shot(world: World) -> None:
    found = await world.rtstream.search("person")
    await found.get_shots()[0].play()


def _found(world: World) -> SearchResult:
    """A search result that a server may have given."""
    return SearchResult(world.client._context, [videos.VideoHits("m-0", docs=[videos.VideoHit(1.0, 2.0)])])


def _response(world: World) -> SearchResponse:
    results = msgspec.Raw(b'[{"video_id": "m-0", "docs": [{"start": 1, "end": 2}]}]')
    return SearchResponse(world.client._context, videos.VideoSearchV2Answer("shots", results))


def _session(world: World) -> CaptureSession:
    """A capture session that the server does not know."""
    return CaptureSession(world.client._context, "c-0", capture.SessionAnswer("cap-0"))


CALLS: dict[str, Callable[[World], Coroutine[Any, Any, Any]]] = {
    "AsyncClient.connect_rtstream": lambda w: w.client.connect_rtstream("rtsp://camera/front"),
    "AsyncClient.create_capture_session": lambda w: w.client.create_capture_session("user-7"),
    "AsyncClient.create_collection": lambda w: w.client.create_collection("Yard", "Behind the house"),
    "AsyncClient.create_event": lambda w: w.client.create_event("A person", "person"),
    "AsyncClient.generate_client_token": lambda w: w.client.generate_client_token(),
    "AsyncClient.get_capture_session": lambda w: w.client.get_capture_session("cap-0"),
    "AsyncClient.get_collection": lambda w: w.client.get_collection(),
    "AsyncClient.get_collections": lambda w: w.client.get_collections(),
    "AsyncClient.get_rtstream": lambda w: w.client.get_rtstream(w.rtstream.id),
    "AsyncClient.get_video": lambda w: w.client.get_video("m-0"),
    "AsyncClient.get_videos": lambda w: w.client.get_videos(),
    "AsyncClient.list_capture_sessions": lambda w: w.client.list_capture_sessions(),
    "AsyncClient.list_events": lambda w: w.client.list_events(),
    "AsyncClient.list_rtstreams": lambda w: w.client.list_rtstreams(),
    "AsyncClient.open": lambda w: w.client.open(),
    "AsyncClient.search": lambda w: w.client.search("person", namespace="rtstream"),
    "AsyncClient.update_collection": lambda w: w.client.update_collection("c-0", "Yard", None),
    "AsyncClient.upload": lambda w: w.client.upload("http://127.0.0.1:1/clip.mp4"),
    "CaptureSession.export": lambda w: _session(w).export(),
    "CaptureSession.get_rtsp_urls": lambda w: _session(w).get_rtsp_urls(),
    "CaptureSession.refresh": lambda w: _session(w).refresh(),
    "CaptureSession.start": lambda w: _session(w).start([CaptureChannel("mic")]),
    "CaptureSession.stop": lambda w: _session(w).stop(),
    "Collection.connect_rtstream": lambda w: w.client.collection().connect_rtstream("rtsp://camera/front"),
    "Collection.create_capture_session": lambda w: w.client.collection().create_capture_session("user-7"),
    "Collection.delete": lambda w: w.client.collection("c-0").delete(),
    "Collection.delete_video": lambda w: w.client.collection().delete_video("m-0"),
    "Collection.get_capture_session": lambda w: w.client.collection().get_capture_session("cap-0"),
    "Collection.get_rtstream": lambda w: w.client.collection().get_rtstream(w.rtstream.id),
    "Collection.get_video": lambda w: w.client.collection().get_video("m-0"),
    "Collection.get_videos": lambda w: w.client.collection().get_videos(),
    "Collection.legacy_search": lambda w: w.client.collection().legacy_search("person"),
    "Collection.list_capture_sessions": lambda w: w.client.collection().list_capture_sessions(),
    "Collection.list_rtstreams": lambda w: w.client.collection().list_rtstreams(),
    "Collection.make_private": lambda w: w.client.collection("c-0").make_private(),
    "Collection.make_public": lambda w: w.client.collection("c-0").make_public(),
    "Collection.refresh": lambda w: w.client.collection().refresh(),
    "Collection.search": lambda w: w.client.collection().search("person", namespace="rtstream"),
    "Collection.upload": lambda w: w.client.collection().upload(url="http://127.0.0.1:1/clip.mp4"),
    "RTStream.export": lambda w: w.rtstream.export(),
    "RTStream.generate_stream": lambda w: w.rtstream.generate_stream(T, T + 10),
    "RTStream.get_scene_index": lambda w: w.rtstream.get_scene_index(w.index.rtstream_index_id),
    "RTStream.get_transcript": lambda w: w.rtstream.get_transcript(),
    "RTStream.get_transcription_status": lambda w: w.rtstream.get_transcription_status(),
    "RTStream.index_audio": lambda w: w.rtstream.index_audio(prompt="?"),
    "RTStream.index_scenes": lambda w: w.rtstream.index_scenes(),
    "RTStream.index_spoken_words": lambda w: w.rtstream.index_spoken_words(prompt="?"),
    "RTStream.index_visuals": lambda w: w.rtstream.index_visuals(prompt="?"),
    "RTStream.list_scene_indexes": lambda w: w.rtstream.list_scene_indexes(),
    "RTStream.refresh": lambda w: w.rtstream.refresh(),
    "RTStream.search": lambda w: w.rtstream.search("person"),
    "RTStream.start": lambda w: w.rtstream.start(),
    "RTStream.start_transcript": lambda w: w.rtstream.start_transcript(),
    "RTStream.stop": lambda w: w.rtstream.stop(),
    "RTStream.stop_transcript": lambda w: w.rtstream.stop_transcript(),
    "RTStream.update": lambda w: w.rtstream.update(name="Yard"),
    "RTStream.wait_until_connected": lambda w: w.rtstream.wait_until_connected(),
    "RTStream.get_index": lambda w: w.rtstream.get_index("idx-0"),
    "RTStream.get_understanding": lambda w: w.rtstream.get_understanding("und-0"),
    "RTStream.index": lambda w: w.rtstream.index({"understanding_id": "und-0"}),
    "RTStream.list_indexes": lambda w: w.rtstream.list_indexes(),
    "RTStream.list_understanding": lambda w: w.rtstream.list_understanding(),
    "RTStream.understand": lambda w: w.rtstream.understand(analyzers=[{"type": "vlm"}]),
    "RTStreamIndex.create_alert": lambda w: w.understood_index.create_alert(w.event_id, callback_url=""),
    "RTStreamIndex.disable_alert": lambda w: w.understood_index.disable_alert(w.alert_id),
    "RTStreamIndex.enable_alert": lambda w: w.understood_index.enable_alert(w.alert_id),
    "RTStreamIndex.get_records": lambda w: w.understood_index.get_records(),
    "RTStreamIndex.list_alerts": lambda w: w.understood_index.list_alerts(),
    "RTStreamIndex.refresh": lambda w: w.understood_index.refresh(),
    "RTStreamIndex.start": lambda w: w.understood_index.start(),
    "RTStreamIndex.stop": lambda w: w.understood_index.stop(),
    "RTStreamUnderstanding.get_records": lambda w: w.understanding.get_records(T, T + 10),
    "RTStreamUnderstanding.refresh": lambda w: w.understanding.refresh(),
    "RTStreamUnderstanding.start": lambda w: w.understanding.start(),
    "RTStreamUnderstanding.stop": lambda w: w.understanding.stop(),
    "RTStreamSceneIndex.create_alert": lambda w: w.index.create_alert(w.event_id, callback_url=""),
    "RTStreamSceneIndex.disable_alert": lambda w: w.index.disable_alert(w.alert_id),
    "RTStreamSceneIndex.enable_alert": lambda w: w.index.enable_alert(w.alert_id),
    "RTStreamSceneIndex.get_scenes": lambda w: w.index.get_scenes(),
    "RTStreamSceneIndex.list_alerts": lambda w: w.index.list_alerts(),
    "RTStreamSceneIndex.refresh": lambda w: w.index.refresh(),
    "RTStreamSceneIndex.start": lambda w: w.index.start(),
    "RTStreamSceneIndex.stop": lambda w: w.index.stop(),
    "RTStreamSceneIndex.update": lambda w: w.index.update("Who is there?"),
    "RTStreamShot.generate_stream": lambda w: _play_first_shot(w),
    "RTStreamShot.get_embed_code": lambda w: _embed_first_shot(w),
    "RTStreamShot.play": lambda w: _open_first_shot(w),
    "SearchResponse.compile": lambda w: _response(w).compile(),
    "SearchResponse.get_embed_code": lambda w: _response(w).get_embed_code(),
    "SearchResponse.play": lambda w: _response(w).play(),
    "SearchResult.compile": lambda w: _found(w).compile(),
    "SearchResult.get_embed_code": lambda w: _found(w).get_embed_code(),
    "SearchResult.play": lambda w: _found(w).play(),
    "Shot.generate_stream": lambda w: _found(w)[0].generate_stream(),
    "Shot.get_embed_code": lambda w: _found(w)[0].get_embed_code(),
    "Shot.play": lambda w: _found(w)[0].play(),
    "Video.delete": lambda w: w.client.video("m-0").delete(),
    "Video.generate_stream": lambda w: w.client.video("m-0").generate_stream([(1.0, 2.0)]),
    "Video.generate_thumbnail": lambda w: w.client.video("m-0").generate_thumbnail(1.0),
    "Video.generate_transcript": lambda w: w.client.video("m-0").generate_transcript(),
    "Video.get_embed_code": lambda w: w.client.video("m-0").get_embed_code(),
    "Video.get_thumbnails": lambda w: w.client.video("m-0").get_thumbnails(),
    "Video.get_transcript": lambda w: w.client.video("m-0").get_transcript(),
    "Video.get_transcript_text": lambda w: w.client.video("m-0").get_transcript_text(),
    "Video.index_spoken_words": lambda w: w.client.video("m-0").index_spoken_words(),
    "Video.legacy_search": lambda w: w.client.video("m-0").legacy_search("person"),
    "Video.play": lambda w: w.client.video("m-0").play(),
    "Video.refresh": lambda w: w.client.video("m-0").refresh(),
    "Video.remove_storage": lambda w: w.client.video("m-0").remove_storage(),
    "Video.search": lambda w: w.client.video("m-0").search("person"),
    "Video.update": lambda w: w.client.video("m-0").update(name="Yard"),
}


def coroutines_of(kind: type[Any]) -> set[str]:
    """The public methods of a class that are to be awaited: coroutines, jobs, and lists that come in pages."""
    return {
        name
        for name, function in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
        and (
            inspect.iscoroutinefunction(function)
            or str(inspect.signature(function).return_annotation).startswith(("Job[", "Paged["))
        )
    }
