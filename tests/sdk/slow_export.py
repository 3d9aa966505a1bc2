"""Exports that become jobs, with the official SDK, unmodified; prints what it saw as JSON.

python slow_export.py SERVER_URL API_KEY FILE
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import videodb
from videodb.exceptions import InvalidRequestError

DEADLINE = 60.0  # seconds for the file to be played and recorded


def main() -> None:
    """One export that fails after it has become a job, and one that succeeds."""
    url, key, source = sys.argv[1:4]
    coll = videodb.connect(api_key=key, base_url=url).get_collection()
    kept = coll.connect_rtstream(url=source, name="kept", media_types=["audio", "video"], store=True)
    told: dict[str, Any] = {}
    try:
        coll.connect_rtstream(url=source, name="lost").export()
    except InvalidRequestError as error:
        told["refused"] = str(error)
    deadline = time.monotonic() + DEADLINE
    while coll.get_rtstream(kept.id).status != "stopped" and time.monotonic() < deadline:
        time.sleep(0.2)
    result = kept.export(name="Kept")
    told["export"] = [result.video_id, result.name, result.duration]
    told["length"] = coll.get_video(result.video_id).length
    print(json.dumps(told))


if __name__ == "__main__":
    main()
