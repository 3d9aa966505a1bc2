"""A server that keeps what it was asked and has a canned answer for each operation; standard library only.

Both the official SDK, in an environment of its own, and ours are run against it.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Request = dict[str, Any]

URLS = {"stream_url": "http://h/s.m3u8", "player_url": "http://h/watch?v=abc"}
STREAM = {"id": "rts-1", "name": "Door", "status": "connected", "collection_id": "c-1", "sample_rate": 30}
INDEX = {"rtstream_index_id": "i-1", "extraction_type": "time", "prompt": "P", "name": "N", "status": "running"}
COLLECTION = {"id": "c-1", "name": "Yard", "description": "D", "is_public": False}
VIDEO = {"id": "m-1", "collection_id": "c-1", "length": 60.0, "name": "Clip", **URLS}
SHOTS = {
    "rtstream_id": "rts-1",
    "rtstream_name": "Door",
    "collection_id": "c-1",
    "start": 1_710_000_000.0,
    "end": 1_710_000_002.0,
    "text": "a door",
    "score": 0.9,
}
HITS = [{"video_id": "m-1", "collection_id": "c-1", "docs": [{"start": 1.0, "end": 2.0, "text": "t", "score": 0.9}]}]
RECORD = {"start": 1_710_000_000.0, "end": 1_710_000_002.0, "text": "hello", "description": "hello"}
WORDS = {"word_timestamps": [{"start": 0.0, "end": 1.0, "text": "hello"}], "text": "hello"}

SESSION = {"session_id": "cap-1", "collection_id": "c-1", "end_user_id": "user-1", "status": "created"}
EXPORTED = {"session_id": "cap-1", "export_status": "exported", "video_id": "m-1", **URLS}

UNDERSTANDING = {
    "understanding_id": "und-1",
    "status": "running",
    "outputs": {"scene": {"type": "understanding", "understanding_id": "und-1", "output": "scene"}},
}
RECORD_INDEX = {"index_id": "idx-1", "status": "running", "source_understanding_id": "und-1", "output": "scene"}

ANSWERS: list[tuple[str, str, Any]] = [
    ("GET", r"/collection", {"collections": [COLLECTION], "default_collection": "c-1"}),
    ("POST", r"/collection", COLLECTION),
    ("GET", r"/collection/[^/]+/upload_url", {"upload_url": "http://h/upload"}),
    (".*", r"/collection/[^/]+/upload", VIDEO),
    ("POST", r"/collection/[^/]+/search", {"results": HITS}),
    ("GET", r"/collection/[^/]+/capture/session", {"sessions": [SESSION], "next_page": None}),
    (".*", r"/collection/[^/]+/capture/session(/[^/]+)?", SESSION),
    ("POST", r"/collection/[^/]+/capture/session/[^/]+/export", EXPORTED),
    ("POST", r"/capture/session/token", {"token": "st-1", "expires_at": 1_710_086_400, "expires_in": 86_400}),
    ("POST", r"/(collection|video)/[^/]+/search/v2", {"response_type": "shots", "results": HITS}),
    (".*", r"/collection/[^/]+", COLLECTION),
    ("GET", r"/rtstream", {"results": [STREAM]}),
    ("POST", r"/rtstream", STREAM),
    ("POST", r"/rtstream/event", {"event_id": "e-1"}),
    ("GET", r"/rtstream/event", {"events": [{"event_id": "e-1", "event_prompt": "P", "label": "L"}]}),
    ("POST", r"/rtstream/(collection/)?[^/]+/search", {"results": [SHOTS]}),
    ("POST", r"/rtstream/[^/]+/export", {"video_id": "m-1", "name": "N", "duration": 60.0, **URLS}),
    ("GET", r"/rtstream/[^/]+/stream", URLS),
    ("POST", r"/rtstream/[^/]+/transcription", {"status": "running"}),
    ("GET", r"/rtstream/[^/]+/transcription", {"transcription_records": [RECORD], "next_page": False}),
    ("POST", r"/rtstream/[^/]+/index/scene", INDEX),
    ("GET", r"/rtstream/[^/]+/index/scene", {"scene_indexes": [INDEX]}),
    ("GET", r"/rtstream/[^/]+/index/scene/[^/]+", {"scene_index_records": [RECORD], "next_page": False}),
    ("POST", r"/rtstream/[^/]+/index/[^/]+/alert", {"alert_id": "a-1"}),
    ("GET", r"/rtstream/[^/]+/index/[^/]+/alert", {"alerts": [{"alert_id": "a-1", "status": "enabled"}]}),
    ("GET", r"/rtstream/[^/]+/index/[^/]+", INDEX),
    ("GET", r"/rtstream/[^/]+/(understand|indexes)/[^/]+/records", {"records": [RECORD], "next_page": False}),
    ("GET", r"/rtstream/[^/]+/understand", {"understandings": [UNDERSTANDING]}),
    ("(GET|POST)", r"/rtstream/[^/]+/understand(/[^/]+)?", UNDERSTANDING),
    ("GET", r"/rtstream/[^/]+/indexes", {"indexes": [RECORD_INDEX]}),
    ("POST", r"/rtstream/[^/]+/indexes/[^/]+/alert", {"alert_id": "a-1"}),
    ("GET", r"/rtstream/[^/]+/indexes/[^/]+/alert", {"alerts": [{"alert_id": "a-1", "status": "enabled"}]}),
    ("(GET|POST)", r"/rtstream/[^/]+/indexes(/[^/]+)?", RECORD_INDEX),
    ("GET", r"/rtstream/[^/]+", STREAM),
    ("GET", r"/video", {"videos": [VIDEO]}),
    ("GET", r"/video/[^/]+/transcription", WORDS),
    ("POST", r"/video/[^/]+/search", {"results": HITS}),
    ("POST", r"/(video/[^/]+/stream|compile)", URLS),
    ("GET", r"/video/[^/]+/thumbnails", [{"id": "img-1", "collection_id": "c-1", "url": "http://h/t.png"}]),
    ("GET", r"/video/[^/]+/thumbnail", {"thumbnail_url": "http://h/t.png"}),
    ("POST", r"/video/[^/]+/thumbnail", {"id": "img-1", "collection_id": "c-1", "url": "http://h/t.png"}),
    ("GET", r"/video/[^/]+", VIDEO),
]


def answer_to(method: str, path: str) -> Any:
    """The `data` of the envelope."""
    for allowed, pattern, data in ANSWERS:
        if re.fullmatch(allowed, method) and re.fullmatch(pattern, path):
            return data
    return {}


def _value(text: str) -> str | float:
    """A query's number as a number, since `2` and `2.0` say the same; anything else as it is."""
    try:
        return float(text)
    except ValueError:
        return text


class RecordingServer:
    """A context manager; `requests` holds method, path, query, body and key of each request."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        kept = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                url = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                kept.append(
                    {
                        "method": self.command,
                        "path": url.path,
                        "query": {name: _value(text) for name, text in parse_qsl(url.query, keep_blank_values=True)},
                        "body": json.loads(raw) if raw else None,
                        "key": self.headers.get("x-access-token"),
                    }
                )
                answer = json.dumps({"success": True, "data": answer_to(self.command, url.path)}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 - the names it is called by

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name for it
                """What was asked is in `requests`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> RecordingServer:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self) -> list[Request]:
        """What was asked since the last time."""
        taken = list(self.requests)
        self.requests.clear()
        return taken
