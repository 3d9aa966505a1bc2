"""Segments on disk: where they are cut, what they say of themselves, and what a failure leaves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest
from av.packet import Packet
from av.stream import Stream
from media_clips import FRAME, START, decode_strictly, sample
from recordings import Recording

from aiortstream.local.recording.segmenter import (
    Segmenter,
    SegmentInfo,
    UnrecordableError,
    recover,
    session_epoch,
)

OFFSET = START


class Hand:
    """A segmenter fed by hand with the packets of a clip."""

    def __init__(self, root: Path, name: str = "clip", **options: float) -> None:
        self.segments: list[SegmentInfo] = []
        self.root = root
        self.segmenter = Segmenter(root, on_segment=self.segments.append, **options)
        self.source = av.open(str(sample(name)))
        self.segmenter.begin([*self.source.streams])

    def packets(self) -> Iterator[Packet[Stream]]:
        return (packet for packet in self.source.demux() if packet.dts is not None)

    def record(self, offset: float = OFFSET) -> list[SegmentInfo]:
        for packet in self.packets():
            self.segmenter.add(packet, offset)
        self.segmenter.end()
        self.source.close()
        return self.segments


def test_segments_begin_at_key_frames_and_abut(tmp_path: Path) -> None:
    segments = Hand(tmp_path).record()
    assert [(segment.start - START, segment.end - START) for segment in segments] == [
        (0.0, 2.0),
        (2.0, pytest.approx(4.0, abs=0.05)),
    ]
    for segment in segments:
        decoded = decode_strictly(tmp_path / segment.path)
        assert len(decoded.video) == 50
        assert segment.bytes == (tmp_path / segment.path).stat().st_size
        assert decoded.video[0] + session_epoch(segment.session) == pytest.approx(segment.start, abs=1e-4)
        assert (segment.has_video, segment.has_audio, segment.independent) == (True, True, True)


def test_names_are_unique_and_tell_session_and_start(tmp_path: Path) -> None:
    segments = Hand(tmp_path).record(offset=1_700_000_000.25)
    session = "1700000000250000"
    assert [segment.session for segment in segments] == [session, session]
    assert [segment.path for segment in segments] == [
        Path(session, "1700000000250000.ts"),
        Path(session, "1700000002250000.ts"),
    ]


def test_every_packet_is_in_exactly_one_segment(tmp_path: Path) -> None:
    segments = Hand(tmp_path, "reordered").record()
    played = [decode_strictly(tmp_path / segment.path) for segment in segments]
    video = [time for decoded in played for time in decoded.video]
    audio = [time for decoded in played for time in decoded.audio]
    assert len(video) == 100
    assert all(later - earlier == pytest.approx(FRAME, abs=1e-4) for earlier, later in pairwise(video))
    assert all(later - earlier == pytest.approx(1024 / 44_100, abs=1e-4) for earlier, later in pairwise(audio))


def test_sound_alone_is_cut_by_time(tmp_path: Path) -> None:
    segments = Hand(tmp_path, "sound", target_duration=1.0).record()
    assert len(segments) == 4
    assert all(segment.duration == pytest.approx(1.0, abs=0.05) for segment in segments)
    assert {(segment.has_video, segment.has_audio, segment.independent) for segment in segments} == {
        (False, True, True)
    }
    assert all(later.start == earlier.end for earlier, later in pairwise(segments))


def test_without_key_frames_a_segment_is_cut_at_its_limit_and_says_so(tmp_path: Path) -> None:
    segments = Hand(tmp_path, "long-group", target_duration=0.5, max_duration=1.5).record()
    assert [round(segment.duration, 1) for segment in segments] == [1.5, 1.5, 1.0]
    assert [segment.independent for segment in segments] == [True, False, False]
    assert [segment.path.stem.endswith("c") for segment in segments] == [False, True, True]


def test_sound_goes_on_when_the_video_stalls(tmp_path: Path) -> None:
    hand = Hand(tmp_path, target_duration=0.5, max_duration=0.5)
    for packet in hand.packets():
        assert packet.pts is not None
        if packet.stream.type == "audio" or packet.pts * packet.time_base < 0.3:
            hand.segmenter.add(packet, OFFSET)
    hand.segmenter.end()
    hand.source.close()
    assert [segment.has_video for segment in hand.segments] == [True, False]
    assert hand.segments[0].duration == pytest.approx(2.5, abs=0.1)
    assert not hand.segments[1].independent


def test_a_session_begins_at_a_key_frame(tmp_path: Path) -> None:
    hand = Hand(tmp_path)
    for index, packet in enumerate(hand.packets()):
        if index >= 10:
            hand.segmenter.add(packet, OFFSET)
    hand.segmenter.end()
    hand.source.close()
    assert hand.segments[0].start == START + 1.0


def test_each_begin_is_a_session_of_its_own(tmp_path: Path) -> None:
    hand = Hand(tmp_path)
    for packet in hand.packets():
        if packet.pts is not None and packet.is_keyframe and packet.pts * packet.time_base == 2:
            hand.segmenter.begin([*hand.source.streams])
        hand.segmenter.add(packet, OFFSET)
    hand.segmenter.end()
    hand.source.close()
    assert len({segment.session for segment in hand.segments}) == 2
    assert hand.segments[0].end <= hand.segments[1].start + 0.1


def test_decoding_times_that_do_not_rise_are_mended(tmp_path: Path) -> None:
    hand = Hand(tmp_path, "silent")
    for index, packet in enumerate(hand.packets()):
        assert packet.dts is not None
        if index % 10 == 5:
            packet.dts = packet.pts = packet.dts - 600  # a step back of a frame and more
        hand.segmenter.add(packet, OFFSET)
    hand.segmenter.end()
    hand.source.close()
    assert sum(len(decode_strictly(tmp_path / segment.path).video) for segment in hand.segments) == 100


def test_packets_without_time_are_left_out_and_all_are_left_as_they_were(tmp_path: Path) -> None:
    hand = Hand(tmp_path)
    for index, packet in enumerate(hand.packets()):
        if index == 7:
            packet.pts = None
        before = packet.pts, packet.dts, packet.duration, packet.time_base, packet.stream, bytes(packet)
        hand.segmenter.add(packet, OFFSET)
        assert before == (packet.pts, packet.dts, packet.duration, packet.time_base, packet.stream, bytes(packet))
    hand.segmenter.end()
    hand.source.close()
    assert len(hand.segments) == 2


def test_a_segment_has_no_name_before_it_is_whole(tmp_path: Path) -> None:
    hand = Hand(tmp_path)
    for packet in hand.packets():
        hand.segmenter.add(packet, OFFSET)
        announced = {tmp_path / segment.path for segment in hand.segments}
        assert set(tmp_path.rglob("*.ts")) == announced
        if len(announced) == 1:
            break
    assert len(list(tmp_path.rglob("*.part"))) == 1
    hand.segmenter.abandon()
    assert not list(tmp_path.rglob("*.part"))
    hand.segmenter.abandon()  # again: does nothing
    hand.segmenter.end()
    hand.source.close()
    assert len(hand.segments) == 1


def test_after_a_failure_to_write_the_next_session_records_again(tmp_path: Path) -> None:
    root = tmp_path / "rec"
    root.write_text("in the way")
    hand = Hand(root)
    first = next(packet for packet in hand.packets() if packet.stream.type == "video")
    with pytest.raises(OSError, match="rec"):
        hand.segmenter.add(first, OFFSET)
    hand.segmenter.abandon()
    root.unlink()
    hand.source.seek(0)
    hand.segmenter.begin([*hand.source.streams])
    assert len(hand.record()) == 2


def test_a_callback_that_fails_is_logged_and_recording_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hand = Hand(tmp_path)

    def fail(segment: SegmentInfo) -> None:
        hand.segments.append(segment)
        raise RuntimeError("the loop is closed")

    hand.segmenter._on_segment = fail
    assert len(hand.record()) == 2
    assert len(caplog.records) == 2


def test_recover_deletes_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    for name in ("1/1.ts", "1/3.part", "2/5.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert recover(tmp_path) == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1", "1.ts"]
    assert recover(tmp_path) == 0
    assert recover(tmp_path / "never-recorded") == 0


def test_codecs_that_players_of_mpeg_ts_do_not_know_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_mulaw", rate=8000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.rate, frame.pts = 8000, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    segmenter = Segmenter(tmp_path / "rec", on_segment=lambda segment: None)
    with av.open(str(path)) as source, pytest.raises(UnrecordableError, match="audio codec pcm_mulaw"):
        segmenter.begin([*source.streams])
    with av.open(str(path)) as source, av.open(str(sample("silent"))) as pictures:
        assert segmenter.begin([*source.streams.audio, *pictures.streams.video]) == ["audio codec pcm_mulaw"]


@pytest.mark.parametrize(("target", "limit"), [(0.0, 6.0), (-1.0, 6.0), (7.0, 6.0)])
def test_durations_are_checked(tmp_path: Path, target: float, limit: float) -> None:
    with pytest.raises(ValueError, match="target_duration"):
        Segmenter(tmp_path, target_duration=target, max_duration=limit, on_segment=lambda segment: None)


async def test_two_runs_are_two_sessions(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    first = await recording.record(sample("clip"))
    second = await recording.record(sample("clip"))
    assert {segment.session for segment in first}.isdisjoint(segment.session for segment in second)
