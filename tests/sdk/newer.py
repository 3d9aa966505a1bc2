"""Understandings and capture sessions with the official SDK 0.5.1, unmodified: prints what it saw as JSON.

python newer.py SERVER_URL API_KEY
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import videodb

ANALYZER = {"type": "vlm", "name": "scene", "sampling": {"frame_count": 5}, "config": {"prompt": "P", "model": "basic"}}


def capture(conn: Any, coll: Any, told: dict[str, Any]) -> Any:
    """A session from its beginning to its end, with nobody who pushes; its video stream."""
    made = coll.create_capture_session("user-7", metadata={"room": "blue"})
    told["created"] = [made.id, made.status, made.metadata, made.channels, made.rtstreams]
    told["token"] = conn.generate_client_token(600)
    told["listed"] = [each.id for each in coll.list_capture_sessions(status="created")]
    # What the vendor's desktop program sends.
    channels = [{"channel_id": "mic"}, {"channel_id": "screen", "type": "video"}]
    conn.post("capture/session/start", data={"session_id": made.id, "channels": channels})
    session = conn.get_capture_session(made.id)
    told["started"] = [session.status, [each.id for each in session.channels], session.primary_video_channel_id]
    told["streams"] = [len(session.get_rtstream(each)) for each in ("mic", "screen", "system_audio")]
    told["displays"] = [each.id for each in session.displays]
    told["addresses"] = [each["rtsp_url"] for each in conn.get(f"capture/session/{made.id}")["channels"]]
    conn.post(f"capture/session/{made.id}/stop", data={})
    told["stopped"] = coll.get_capture_session(made.id).status
    while (export := session.export())["export_status"] == "exporting":
        time.sleep(0.1)
    told["export"] = [export["export_status"], export["video_id"]]  # nothing was recorded
    return session.get_rtstream("screen")[0]


def understand(conn: Any, stream: Any, told: dict[str, Any]) -> None:
    """An understanding, its index, and an alert on that."""
    understanding = stream.understand({"type": "time", "window": "10s"}, [ANALYZER])
    told["understanding"] = [understanding.id, understanding.status, understanding.store]
    told["outputs"] = understanding.refresh().outputs
    understanding.stop()
    understanding.start()
    told["understandings"] = [[each.id, each.status] for each in stream.list_understanding()]
    index = stream.index(understanding.outputs["scene"], name="N")
    told["index"] = [index.id, index.name, index.use_for, index.source_understanding_id, index.output]
    told["refreshed"] = index.refresh().name
    told["records"] = [understanding.get_records(time.time() - 60, time.time()), index.get_records()]
    told["indexes"] = [each.id for each in stream.list_indexes()]
    alert = index.create_alert(conn.create_event("A door", "door"), "")
    index.disable_alert(alert)
    told["alerts"] = [[each["alert_id"] == alert, each["status"]] for each in index.list_alerts()]


def main() -> None:
    """Everything, in order."""
    url, key = sys.argv[1:]
    conn = videodb.connect(api_key=key, base_url=url)
    told: dict[str, Any] = {}
    understand(conn, capture(conn, conn.get_collection(), told), told)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
