"""Where sources disagree on what the hosted service does: which side this server takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aiortstream.wire.frames import VisualChannel
from aiortstream.wire.webhooks import WebhookTimes

Strictness = Literal["lenient", "strict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One answer to each disagreement; the defaults let every known client work."""

    visual_channel: VisualChannel = "scene_index"
    """Channel of visual scenes on the websocket: the SDKs name one, some official programs the other."""
    start_connected: Strictness = "lenient"
    """`start` on a stream that runs: success, or a 400 as the hosted service has been seen to answer."""
    export_running: Strictness = "lenient"
    """`export` of a stream that runs: what has been recorded so far, or a 400 as the documentation says."""
    webhook_times: WebhookTimes = "iso"
    """`start_time` and `end_time` of a callback: ISO 8601 as recorded, or unix seconds as documented."""
