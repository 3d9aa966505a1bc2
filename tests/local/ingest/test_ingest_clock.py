"""The clock of a stream: one offset a session, and time that never runs backwards."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.local.ingest.clock import MAX_SHIFT, Stamped, StreamClock

VIDEO, AUDIO = 0, 1
WALL = 1_700_000_000.0
STEP = 0.04


def push(clock: StreamClock[float], media: float, wall: float, track: int = VIDEO) -> list[Stamped[float]]:
    return clock.push(media, track=track, media=media, until=media + STEP, wall=wall)


def play(clock: StreamClock[float], media: float, wall: float, seconds: float) -> list[Stamped[float]]:
    """Packets that arrive as they are made."""
    return [
        stamped
        for index in range(round(seconds / STEP))
        for stamped in push(clock, media + index * STEP, wall + index * STEP)
    ]


def test_the_opening_burst_is_stamped_with_when_it_was_not_when_it_came() -> None:
    clock: StreamClock[float] = StreamClock()
    for index in range(50):  # two seconds that the server had kept, all at once
        assert push(clock, 100 + index * STEP, WALL) == []
    stamped = play(clock, 102.0, WALL + STEP, 1.0)
    first = stamped[0]
    assert first.item == 100
    assert first.time == pytest.approx(WALL - 2.0 + STEP, abs=STEP)
    assert all(each.time == pytest.approx(each.item + first.session.offset) for each in stamped)


def test_a_burst_that_takes_long_is_waited_for() -> None:
    clock: StreamClock[float] = StreamClock()
    stamped = [s for index in range(300) for s in push(clock, index * STEP, WALL + index * 0.01)]  # four times too fast
    assert stamped == []
    stamped = play(clock, 12.0, WALL + 3.0, 1.0)
    assert stamped[-1].time == pytest.approx(WALL + 4.0 - STEP, abs=0.06)


def test_nothing_is_held_back_without_settling() -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0)
    (stamped,) = push(clock, 5.0, WALL)
    assert (stamped.time, stamped.session.number) == (WALL, 1)


def test_later_jitter_does_not_move_a_session() -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0)
    push(clock, 0.0, WALL)
    (late,) = push(clock, 1.0, WALL + 1.9)
    (early,) = push(clock, 2.0, WALL + 1.2)
    assert (late.time, early.time) == (WALL + 1, WALL + 2)


@pytest.mark.parametrize("jump", [-1.0, -500.0, 8.0, 500.0])
def test_a_jump_begins_a_new_session_at_the_time_it_happens(jump: float) -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0)
    before = play(clock, 1000.0, WALL, 2.0)
    after = play(clock, 1002.0 + jump, WALL + 2.0, 2.0)
    assert {stamped.session.number for stamped in before} == {1}
    assert {stamped.session.number for stamped in after} == {2}
    assert after[0].time == pytest.approx(WALL + 2.0)


def test_a_pause_of_the_source_is_no_jump() -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0)
    play(clock, 0.0, WALL, 1.0)
    (stamped,) = push(clock, 20.0, WALL + 20.0)
    assert (stamped.time, stamped.session.number) == (WALL + 20.0, 1)


def test_what_a_jump_leaves_behind_in_the_other_track_is_dropped() -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0)
    push(clock, 100.0, WALL, VIDEO)
    push(clock, 100.0, WALL, AUDIO)
    (video,) = push(clock, 0.0, WALL + 0.1, VIDEO)
    assert push(clock, 100.1, WALL + 0.1, AUDIO) == []
    (audio,) = push(clock, 0.02, WALL + 0.12, AUDIO)
    assert video.session == audio.session
    assert audio.time - video.time == pytest.approx(0.02)


def test_one_wrong_stamp_costs_itself_only() -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0)
    play(clock, 0.0, WALL, 1.0)
    push(clock, 9_000_000.0, WALL + 1.0)
    after = play(clock, 1.04, WALL + 1.04, 1.0)
    assert len(after) == 25
    assert after[-1].time == pytest.approx(WALL + 2.0, abs=0.1)


def test_media_that_falls_behind_for_good_begins_a_session_in_the_present() -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0, drift_window=10.0)
    play(clock, 0.0, WALL, 1.0)
    stamped = play(clock, 1.0, WALL + 4.0, 25.0)  # it stood still for three seconds
    assert {each.session.number for each in stamped} == {1, 2}
    assert stamped[-1].time == pytest.approx(WALL + 29.0, abs=0.1)


def test_hls_segments_that_come_in_bursts_are_no_drift() -> None:
    clock: StreamClock[float] = StreamClock(drift_window=60.0)
    stamped = []
    for segment in range(40):  # six seconds at once, every six seconds
        for index in range(150):
            stamped += push(clock, segment * 6 + index * STEP, WALL + segment * 6 + index * 0.001)
    assert {each.session.number for each in stamped} == {1}


def test_a_reconnect_drops_what_it_repeats() -> None:
    clock: StreamClock[float] = StreamClock()
    before = play(clock, 0.0, WALL, 10.0)
    before += clock.interrupt()
    assert before[-1].item == pytest.approx(9.96)
    for index in range(100):  # the server repeats four seconds, of which three were had
        push(clock, 7.0 + index * STEP, WALL + 11.0)
    after = play(clock, 11.0, WALL + 11.0, 1.0)
    assert after[0].time >= before[-1].time + STEP - 1e-6
    assert after[0].item == pytest.approx(10.0, abs=2 * STEP)


def test_a_clock_begins_where_an_earlier_one_of_its_stream_ended() -> None:
    clock: StreamClock[float] = StreamClock(not_before=WALL)
    for index in range(50):  # the two seconds before WALL, and after
        push(clock, index * STEP, WALL + 0.5)
    stamped = play(clock, 2.0, WALL + 0.5, 1.0)
    assert stamped[0].time == pytest.approx(WALL, abs=2 * STEP)
    assert stamped[0].time >= WALL


def test_a_slight_overlap_moves_the_session_rather_than_lose_its_beginning() -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0)
    play(clock, 0.0, WALL, 1.0)
    end = clock.end
    clock.interrupt()
    (first,) = push(clock, 50.0, end - MAX_SHIFT / 2)
    assert first.time == pytest.approx(end, abs=1e-6)


def test_a_wall_clock_set_back_does_not_stop_the_stream() -> None:
    clock: StreamClock[float] = StreamClock(settle=0.0)
    before = play(clock, 0.0, WALL, 1.0)
    after = play(clock, 1.0, WALL + 1.0 - 3600.0, 1.0)
    assert len(after) == 25
    assert after[0].time == pytest.approx(before[-1].time + STEP)


def test_an_interruption_while_settling_gives_back_what_was_held() -> None:
    clock: StreamClock[float] = StreamClock()
    assert push(clock, 0.0, WALL) == []
    (stamped,) = clock.interrupt()
    assert stamped.time == WALL
    assert clock.interrupt() == []


Arrivals = st.lists(
    st.tuples(
        st.sampled_from([VIDEO, AUDIO]),
        st.one_of(st.floats(0, 0.2), st.floats(-20, 20), st.sampled_from([-1e6, 1e6])),  # step of the media time
        st.one_of(st.floats(0, 0.2), st.floats(0, 10)),  # step of the wall clock
        st.sampled_from([False] * 20 + [True]),  # the connection is lost before it
    ),
    max_size=80,
)


@given(arrivals=Arrivals, settle=st.sampled_from([0.0, 0.4]))
def test_whatever_arrives_time_is_consistent_and_never_runs_backwards(
    arrivals: list[tuple[int, float, float, bool]], settle: float
) -> None:
    clock: StreamClock[float] = StreamClock(settle=settle)
    stamped: list[Stamped[float]] = []
    media, wall = 1000.0, WALL
    for track, media_step, wall_step, lost in arrivals:
        media, wall = media + media_step, wall + wall_step
        if lost:
            stamped += clock.interrupt()
        stamped += push(clock, media, wall, track)
        if stamped:
            assert stamped[-1].time <= wall + 30 + 10  # never far into the future
    stamped += clock.interrupt()

    for each in stamped:
        assert each.time == pytest.approx(each.item + each.session.offset, abs=1e-6)
    for earlier, later in pairwise(stamped):
        assert later.session.number >= earlier.session.number
    ends: dict[int, float] = {}
    for each in stamped:
        ends[each.session.number] = max(ends.get(each.session.number, 0.0), each.time)
    for each in stamped:
        assert all(each.time >= end - 1e-5 for number, end in ends.items() if number < each.session.number)
    assert len({(each.session.number, each.session.offset) for each in stamped}) == len(ends)
