"""Ids look like the service's, and streams' sort by age."""

from __future__ import annotations

import re
import uuid

from aiortstream.local import ids


def test_stream_ids_are_uuids_of_version_seven_that_sort_by_time() -> None:
    made = [ids.stream_id(1_700_000_000 + number / 1000) for number in range(50)]
    assert made == sorted(made)
    parsed = uuid.UUID(made[0].removeprefix("rts-"))
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == 1_700_000_000_000
    assert len({ids.stream_id() for _ in range(1000)}) == 1000


def test_the_other_ids() -> None:
    assert re.fullmatch("[0-9a-f]{16}", ids.short_id())
    assert re.fullmatch("m-[0-9a-f-]{36}", ids.video_id())
    assert re.fullmatch("msg_[0-9a-f]{32}", ids.message_id())
