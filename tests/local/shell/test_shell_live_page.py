"""What happens, to the pages that look: bounded, and never in the way of who publishes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from aiortstream.local.deliver import live_page
from aiortstream.local.deliver.live_page import VIEWERS, WAITING, LivePage, TooManyViewers
from aiortstream.local.ports import Published
from aiortstream.records import Alert, Scene, TranscriptSegment

NOW = 1_700_000_000.0


class Kept:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[object] = []

    def publish(self, connection_ids: Iterable[str], record: Published) -> None:
        self.records.append((tuple(connection_ids), record))


def said(text: str) -> TranscriptSegment:
    return TranscriptSegment(NOW, NOW + 1, text, "rts-1", "Door")


async def test_every_record_goes_on_whether_somebody_looks_or_not() -> None:
    behind = Kept()
    page = LivePage(behind)
    page.publish(["c1"], said("one"))
    viewer = page.enter()
    page.publish(["c2"], said("two"))
    page.leave(viewer)
    page.leave(viewer)
    page.publish(["c3"], said("three"))
    assert behind.records == [(("c1",), said("one")), (("c2",), said("two")), (("c3",), said("three"))]
    shown = await viewer.next()
    assert shown is not None
    assert b"two" in shown
    assert b"one" not in shown


async def test_all_that_waits_is_sent_at_once_each_by_its_kind() -> None:
    page = LivePage(Kept())
    viewer = page.enter()
    page.publish((), said("hello"))
    page.publish((), Scene(NOW, NOW + 2, "a door", "rts-1", "visual", "i1"))
    page.publish((), Alert("person", NOW + 2, "rts-1", text="at the door", confidence=0.9, start=NOW, end=NOW + 2))
    shown = await viewer.next()
    assert shown is not None
    events = shown.decode().split("\n\n")
    assert [event.partition("\n")[0] for event in events] == ["event: transcript", "event: scene", "event: alert", ""]
    assert '"label":"person"' in events[2]


async def test_a_page_that_reads_too_slowly_gets_the_newest_and_is_told() -> None:
    page = LivePage(Kept())
    viewer = page.enter()
    for number in range(WAITING + 7):
        page.publish((), said(f"number {number}."))
    shown = await viewer.next()
    assert shown is not None
    assert shown.startswith(b'event: dropped\ndata: {"count":7}\n\n')
    assert shown.count(b"event: transcript") == WAITING
    assert b"number 6." not in shown
    assert b"number 7." in shown
    page.publish((), said("after"))
    after = await viewer.next()
    assert after is not None
    assert b"dropped" not in after


async def test_while_nothing_happens_there_is_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "KEEPALIVE", 0.01)
    viewer = LivePage(Kept()).enter()
    assert await viewer.next() == b": nothing new\n\n"


async def test_waiting_can_be_cancelled_without_a_loss() -> None:
    page = LivePage(Kept())
    viewer = page.enter()
    waiting = asyncio.create_task(viewer.next())
    await asyncio.sleep(0)
    page.publish((), said("hello"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    shown = await viewer.next()
    assert shown is not None
    assert b"hello" in shown


async def test_the_number_of_pages_is_bounded_and_the_end_reaches_each() -> None:
    page = LivePage(Kept())
    viewers = [page.enter() for _ in range(VIEWERS)]
    with pytest.raises(TooManyViewers, match=f"{VIEWERS} pages look already"):
        page.enter()
    page.leave(viewers.pop())
    viewers.append(page.enter())
    page.close()
    assert [await viewer.next() for viewer in viewers] == [None] * VIEWERS
    with pytest.raises(TooManyViewers):
        page.enter()
