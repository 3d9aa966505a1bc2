"""The bounded queue before the decoder."""

from __future__ import annotations

import threading

import pytest
from av.packet import Packet

from aiortstream.local.ingest import packets as packets_module
from aiortstream.local.ingest.clock import Session
from aiortstream.local.ingest.packets import Decodable, PacketQueue

SESSION = Session(1, 0.0)


def picture(*, key: bool = False, size: int = 10) -> Decodable:
    packet = Packet(size)
    packet.is_keyframe = key
    return Decodable(packet, SESSION, is_video=True)


def sound(size: int = 10) -> Decodable:
    return Decodable(Packet(size), SESSION, is_video=False)


def drain(queue: PacketQueue) -> list[Decodable]:
    queue.close(discard=False)
    return list(iter(queue.take, None))


def test_video_begins_at_a_key_frame_and_sound_at_once() -> None:
    queue = PacketQueue()
    items = [picture(), sound(), picture(key=True), picture()]
    for item in items:
        queue.put(item)
    assert drain(queue) == [items[1], items[2], items[3]]
    assert queue.dropped == 0


def test_sound_is_handed_out_first() -> None:
    queue = PacketQueue()
    video, audio = picture(key=True), sound()
    queue.put(video)
    queue.put(audio)
    assert [queue.take(), queue.take()] == [audio, video]


@pytest.mark.parametrize(("limit", "value"), [("_MAX_VIDEO_PACKETS", 3), ("_MAX_BYTES", 30)])
def test_when_full_video_is_dropped_up_to_the_next_key_frame(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(packets_module, limit, value)
    queue = PacketQueue()
    fitting = [picture(key=True), picture(), picture()]
    for item in [*fitting, picture(), picture(key=True)]:
        queue.put(item)
    assert queue.dropped == 2
    assert [queue.take(), queue.take()] == fitting[:2]
    queue.put(picture())  # there is room, but it cannot be decoded
    assert queue.dropped == 3
    again = picture(key=True)
    queue.put(again)
    assert drain(queue) == [fitting[2], again]


def test_too_much_sound_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets_module, "_MAX_AUDIO_PACKETS", 2)
    queue = PacketQueue()
    items = [sound(), sound(), sound()]
    for item in items:
        queue.put(item)
    assert drain(queue) == items[1:]


def test_video_left_out_on_purpose_goes_on_at_a_key_frame() -> None:
    queue = PacketQueue()
    queue.put(picture(key=True))
    queue.skip_video()
    queue.put(picture())
    key = picture(key=True)
    queue.put(key)
    assert drain(queue)[1:] == [key]
    assert queue.dropped == 0


def test_closing_wakes_the_taker_and_can_discard() -> None:
    queue = PacketQueue()
    taken: list[Decodable | None] = []
    taker = threading.Thread(target=lambda: taken.append(queue.take()))
    taker.start()
    queue.close(discard=True)
    taker.join(5)
    assert taken == [None]
    queue.put(sound())
    assert queue.take() is None
