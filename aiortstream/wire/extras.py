"""What the embedded server speaks beyond the hosted wire. A client that does not know it sees the hosted wire.

A server names what it offers in `features`, in its answer to GET /collection/{id}/websocket and in the first frame of
a connection. Nothing of it is used towards a server that has not named it.

    resume      the websocket's URL takes `numbered=1`: each frame then carries `sequence`, 1, 2, ... on its connection.
                With `resume=<connection id>&after=<sequence>` the connection goes on under its old id, so that all that
                was bound to it still is, and what was sent after that number comes first. The first frame says
                `sequence` and whether that is `complete`. A socket that still holds the id is closed with
                `RESUMED_ELSEWHERE`. An id that the server no longer knows (it was away for too long, or the server has
                been started again) is given again all the same; `complete` is false then.
    alert_log   GET /alert/log: every alert that fired, by the time it was logged, selected by `rtstream_id`,
                `index_id`, `start`, `end`, in pages, oldest first. Alerts carry `firing_id` and `fired_at`.
    since       GET .../index/scene/{index_id} takes `since`, as GET .../transcription does.
"""

from __future__ import annotations

from typing import Final

RESUME: Final = "resume"
ALERT_LOG: Final = "alert_log"
SINCE: Final = "since"

NUMBERED: Final = {"numbered": "1"}
"""Query of a websocket whose frames are to be numbered."""

RESUMED_ELSEWHERE: Final = 4001
"""Close code of a socket whose connection goes on through another."""


def resume_query(connection_id: str, after: int) -> dict[str, str]:
    """Query of a websocket that goes on with `connection_id`; `after` is the number of the last frame received."""
    return {"resume": connection_id, "after": str(after)}
