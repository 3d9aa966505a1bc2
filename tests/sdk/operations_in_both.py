"""What the official SDK 0.5.1 and ours have in common, each operation as one text that both run, but for `await`.

The names in them are the handles of the SDK whose turn it is. As a script, it is run by a Python that has `videodb`,
and prints what each operation sent, as JSON: that is how tests/data/requests/official-0.5.1.json was made.

    python tests/sdk/operations_in_both.py
"""

from __future__ import annotations

import json
from typing import Any

KEY = "sk-differential"

HANDLES = {
    "coll": 'conn.get_collection("c-1")',
    "rtstream": 'coll.get_rtstream("rts-1")',
    "index": 'rtstream.get_scene_index("i-1")',
    "und": 'rtstream.get_understanding("und-1")',
    "idx": 'rtstream.get_index("idx-1")',
    "shot": 'rtstream.search("door").get_shots()[0]',
    "video": 'coll.get_video("m-1")',
    "session": 'coll.get_capture_session("cap-1")',
}

OPERATIONS = (
    "conn.get_collection()",
    'conn.get_collection("c-1")',
    "conn.get_collections()",
    'conn.create_collection("Yard", "Behind")',
    'conn.create_collection(name="Yard", description="Behind", is_public=True)',
    'conn.update_collection("c-1", "Yard", "Behind")',
    'conn.create_event("A person", "person")',
    "conn.list_events()",
    "coll.delete()",
    "coll.make_public()",
    "coll.make_private()",
    'coll.connect_rtstream("rtsp://camera/front", "Front", ws_connection_id="ws-1")',
    'coll.connect_rtstream("rtsp://camera/front", "Front", ws_connection_id=None)',
    'coll.connect_rtstream(url="rtsp://camera/front", name="Front", media_types=["video"], sample_rate=30, store=True, '
    'enable_transcript=True, ws_connection_id="ws-1")',
    'coll.get_rtstream("rts-1")',
    "coll.list_rtstreams()",
    'coll.list_rtstreams(limit=10, offset=5, status="connected", name="meeting", ordering="-created_at")',
    'coll.search("door")',
    'coll.search("door", namespace="rtstream")',
    'coll.legacy_search("door")',
    "coll.get_videos()",
    'coll.get_video("m-1")',
    'coll.delete_video("m-1")',
    'coll.upload(url="https://host/clip.mp4")',
    'coll.upload(url="https://host/clip.mp4", name="Clip", description="D", callback_url="https://host/done")',
    "rtstream.start()",
    "rtstream.stop()",
    "rtstream.export()",
    'rtstream.export(name="Kept")',
    "rtstream.generate_stream(1710000000, 1710000010)",
    "rtstream.generate_stream(start=1710000000.25, end=1710000010.5)",
    'rtstream.start_transcript(ws_connection_id="ws-1")',
    'rtstream.start_transcript(ws_connection_id="ws-1", engine="assemblyai")',
    "rtstream.start_transcript(ws_connection_id=None)",
    "rtstream.stop_transcript()",
    'rtstream.stop_transcript(engine="assemblyai")',
    "rtstream.get_transcript()",
    "rtstream.get_transcript(page=2, page_size=10, start=1710000000, end=1710000010)",
    'rtstream.get_transcript(since=1710000000.5, engine="assemblyai")',
    "rtstream.get_transcript(start=1710000000)",
    'rtstream.index_visuals(prompt="P", ws_connection_id="ws-1")',
    'rtstream.index_visuals(prompt="P", batch_config={"type": "time", "value": 2, "frame_count": 5}, '
    'model_name="basic", name="N", ws_connection_id="ws-1")',
    'rtstream.index_audio(prompt="P", ws_connection_id="ws-1")',
    'rtstream.index_audio(prompt="P", batch_config={"type": "word", "value": 50}, model_name=None, name="N", '
    'ws_connection_id="ws-1")',
    'rtstream.index_scenes(prompt="P", ws_connection_id="ws-1")',
    'rtstream.index_spoken_words(prompt="P", ws_connection_id="ws-1")',
    "rtstream.list_scene_indexes()",
    'rtstream.get_scene_index("i-1")',
    'rtstream.search("door")',
    'rtstream.search("door", index_id="i-1", result_threshold=3, score_threshold=0.5)',
    "index.start()",
    "index.stop()",
    "index.get_scenes()",
    "index.get_scenes(start=1710000000, end=1710000010, page=2, page_size=10)",
    "index.get_scenes(start=1710000000)",
    "index.get_scenes(end=1710000010)",
    'index.create_alert("e-1", "https://host/alerts", ws_connection_id="ws-1")',
    'index.create_alert(event_id="e-1", callback_url="", ws_connection_id=None)',
    "index.list_alerts()",
    'index.enable_alert("a-1")',
    'index.disable_alert("a-1")',
    "rtstream.understand(ws_connection_id=None)",
    'rtstream.understand(segmentation={"type": "time", "window": "10s"}, analyzers=[{"type": "vlm", "name": "scene", '
    '"sampling": {"frame_count": 5}, "config": {"prompt": "P", "model": "basic"}}], store=False, '
    'ws_connection_id="ws-1")',
    'rtstream.get_understanding("und-1")',
    "rtstream.list_understanding()",
    'rtstream.index(und.outputs["scene"])',
    'rtstream.index(source=und.outputs["scene"], name="N", use_for=["semantic"])',
    'rtstream.get_index("idx-1")',
    "rtstream.list_indexes()",
    "und.refresh()",
    "und.start()",
    "und.stop()",
    "und.get_records(1710000000, 1710000010)",
    'und.get_records(start=1710000000, end=1710000010, output="scene", page=2, page_size=10)',
    "idx.refresh()",
    "idx.start()",
    "idx.stop()",
    "idx.get_records()",
    "idx.get_records(start=1710000000, end=1710000010, page=2, page_size=10)",
    "idx.get_records(start=1710000000)",
    'idx.create_alert("e-1", "https://host/alerts", ws_connection_id="ws-1")',
    "idx.list_alerts()",
    'idx.enable_alert("a-1")',
    'idx.disable_alert("a-1")',
    "shot.generate_stream()",
    'video.update(name="Yard")',
    "video.remove_storage()",
    "video.delete()",
    "video.generate_stream()",
    "video.generate_stream(timeline=[(0, 1), (2, 3)])",
    "video.generate_thumbnail()",
    "video.generate_thumbnail(time=1.5)",
    "video.get_thumbnails()",
    "video.get_transcript()",
    'video.get_transcript(start=1, end=5, segmenter="sentence", length=2)',
    "video.get_transcript_text()",
    "video.generate_transcript()",
    "video.index_spoken_words()",
    "video.index_spoken_words(force=True)",
    'video.search("door")',
    'video.legacy_search("door")',
    'video.search("door").compile()',
    'conn.create_capture_session("user-1", ws_connection_id=None)',
    'conn.create_capture_session(end_user_id="user-1", callback_url="https://host/done", ws_connection_id="ws-1", '
    'metadata={"a": 1})',
    'conn.get_capture_session("cap-1")',
    "conn.list_capture_sessions()",
    'conn.list_capture_sessions(status="active")',
    "conn.generate_client_token()",
    "conn.generate_client_token(expires_in=600)",
    'coll.create_capture_session("user-1", ws_connection_id="ws-1")',
    'coll.get_capture_session("cap-1")',
    "coll.list_capture_sessions()",
    "session.export(ws_connection_id=None)",
    'session.export(video_channel_id="screen", ws_connection_id="ws-1")',
)


def main() -> None:
    """Run every operation with the official SDK."""
    import videodb
    from recording_server import RecordingServer

    sent: dict[str, Any] = {}
    with RecordingServer() as server:
        conn = videodb.connect(api_key=KEY, base_url=server.url)
        for operation in OPERATIONS:
            names: dict[str, Any] = {"conn": conn}
            for handle, text in HANDLES.items():
                names[handle] = eval(text, names)
            server.take()
            eval(operation, names)
            sent[operation] = server.take()
    print(json.dumps(sent, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
