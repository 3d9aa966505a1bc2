"""What one connection is behind, what is kept to be sent again, and going back to the last frame received."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.local.deliver.backlog import Backlog, Outgoing
from aiortstream.local.deliver.limits import HubLimits


def frame(number: int, *, at: float = 0.0, size: int = 10) -> Outgoing:
    return Outgoing(msgspec.json.encode({"n": number, "x": ""})[:-2] + b"x" * (size - 14) + b'"}', at)


def backlog(*, numbered: bool = True, last: int = 0, **limits: Any) -> Backlog:
    return Backlog(HubLimits(**limits), numbered=numbered, last=last)


def put(made: Backlog, *numbers: int, size: int = 10) -> list[bool]:
    return [made.put(frame(number, size=size)) for number in numbers]


def taken(made: Backlog, count: int | None = None) -> list[int]:
    """The numbers of the frames that come out; each must be the one that it was put as."""
    numbers: list[int] = []
    while (count is None or len(numbers) < count) and (raw := made.take()) is not None:
        told = msgspec.json.decode(raw)
        assert told["sequence"] == told["n"]
        numbers.append(told["sequence"])
    return numbers


@pytest.mark.parametrize(("limits", "good"), [({"frames": 2}, 2), ({"bytes": 25}, 2), ({"bytes": 9}, 0)])
@pytest.mark.parametrize("numbered", [False, True])
def test_being_behind_is_bounded_in_frames_and_bytes(limits: dict[str, int], good: int, numbered: bool) -> None:
    made = Backlog(HubLimits(**limits), numbered=numbered)
    raw = Outgoing(b"x" * 10, 0.0)
    assert [made.put(raw) for _ in range(good)] == [True] * good
    assert made.put(raw) is False
    assert made.last == good + numbered  # only who can ask for it is kept the one too many
    assert made.bytes == 10 * (good + numbered)


@pytest.mark.parametrize("numbered", [False, True])
def test_what_is_taken_makes_room_again(numbered: bool) -> None:
    made = backlog(numbered=numbered, frames=2, bytes=20)
    for _ in range(50):
        assert made.put(Outgoing(b"x" * 10, 0.0))
        assert made.put(Outgoing(b"y" * 10, 0.0))
        assert made.behind == 2
        assert [(made.take() or b"")[:2] for _ in range(2)] == [b"xx", b"yy"]
        assert made.take() is None
    assert made.sent == made.last == 100


def test_frames_without_numbers_leave_nothing_and_stay_as_they_are() -> None:
    made = backlog(numbered=False)
    made.put(frame(1))
    assert made.take() == b'{"n":1,"x":""}'
    assert made.bytes == 0
    assert made.go_back(0) == (1, False)


def test_going_back_sends_again_what_was_not_received_and_then_what_was_not_sent() -> None:
    made = backlog()
    put(made, 1, 2, 3, 4, 5)
    assert taken(made, 4) == [1, 2, 3, 4]
    assert made.go_back(2) == (2, True)
    put(made, 6)
    assert taken(made) == [3, 4, 5, 6]
    assert made.go_back(6) == (6, True)
    assert taken(made) == []
    assert made.go_back(0) == (0, True)
    assert taken(made) == [1, 2, 3, 4, 5, 6]


def test_a_number_ahead_of_what_was_sent_is_taken_at_its_word() -> None:
    made = backlog()
    put(made, 1, 2, 3)
    assert made.go_back(2) == (2, True)
    assert taken(made) == [3]


def test_what_is_not_kept_any_more_cannot_be_had_and_the_rest_can() -> None:
    made = backlog(kept_frames=3)
    for number in range(1, 6):
        put(made, number)
        taken(made)
    assert made.go_back(1) == (2, False)
    assert taken(made) == [3, 4, 5]
    assert made.go_back(2) == (2, True)
    assert made.bytes == 3 * len(frame(3).data)


def test_numbering_goes_on_above_a_number_that_is_none_of_ours() -> None:
    made = backlog()
    put(made, 1, 2)
    assert made.go_back(40) == (40, False)
    assert (made.last, made.bytes, taken(made)) == (40, 0, [])
    put(made, 41)
    assert taken(made) == [41]
    assert made.go_back(40) == (40, True)


def test_what_is_kept_is_bounded_in_bytes_too() -> None:
    made = backlog(kept_bytes=100)
    for number in range(1, 30):
        put(made, number, size=30)
        taken(made)
        assert made.bytes <= 100
    assert made.go_back(0) == (26, False)
    assert taken(made) == [27, 28, 29]


def test_a_frame_larger_than_all_that_is_kept_is_a_hole_and_not_the_end() -> None:
    made = backlog(kept_bytes=100)
    assert put(made, 1, size=50) == [True]
    assert put(made, 2, size=101) == [False]
    assert made.bytes == 0
    assert put(made, 3, size=50) == [True]
    assert made.go_back(0) == (2, False)
    assert taken(made) == [3]


def test_frames_that_were_sent_are_forgotten_when_they_are_old_and_others_are_not() -> None:
    made = backlog()
    for number in range(1, 5):
        made.put(frame(number, at=float(number)))
    taken(made, 3)
    made.forget(2.0)
    assert made.go_back(0) == (1, False)
    taken(made, 1)
    made.forget(100.0)
    assert made.go_back(2) == (2, True)  # 3 and 4 were never sent again, so they are here
    assert taken(made) == [3, 4]


def test_what_is_sent_again_does_not_count_as_being_behind() -> None:
    made = backlog(frames=3, bytes=60)
    for number in range(1, 21):
        put(made, number)
        taken(made)
    assert made.go_back(0) == (0, True)
    assert made.behind == 0
    assert put(made, 21, 22, 23) == [True, True, True]
    assert made.behind == 3
    assert taken(made, 19) == list(range(1, 20))
    assert put(made, 24) == [False]
    assert taken(made, 2) == [20, 21]
    assert made.behind == 3


def test_bytes_count_anew_from_where_a_socket_comes_and_not_what_it_gets_again() -> None:
    size = len(frame(1).data)
    made = backlog(frames=100, bytes=3 * size)
    assert put(made, 1, 2, 3, 4) == [True, True, True, False]
    made.go_back(0)
    assert taken(made, 3) == [1, 2, 3]
    assert put(made, 5, 6, 7, 8) == [True, True, True, False]
    assert taken(made, 2) == [4, 5]
    made.go_back(5)
    assert put(made, 9) == [True]


def test_a_backlog_that_would_lose_what_was_not_sent_says_so() -> None:
    made = backlog(kept_frames=5)
    for number in range(1, 6):
        put(made, number)
        taken(made)
    made.go_back(0)
    assert put(made, 6) == [False]  # 1 had to go, which the client has not received
    assert made.go_back(0) == (1, False)
    assert taken(made) == [2, 3, 4, 5, 6]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(14, 60)),
        st.tuples(st.just("take"), st.integers(1, 5)),
        st.tuples(st.just("back"), st.integers(0, 45)),
        st.tuples(st.just("forget"), st.integers(0, 40)),
    ),
    max_size=60,
)


@given(
    STEPS,
    st.builds(
        HubLimits,
        frames=st.integers(1, 8),
        bytes=st.integers(20, 300),
        kept_frames=st.integers(1, 12),
        kept_bytes=st.integers(20, 400),
    ),
)
def test_whatever_happens_numbers_have_no_hole_that_is_not_told_and_bounds_hold(
    steps: list[tuple[str, int]], limits: HubLimits
) -> None:
    """A client on a model line: it gets `expected` next, unless it was told of a hole, or the socket had to go."""
    made, expected, good = Backlog(limits, numbered=True), 1, True
    for what, amount in steps:
        if what == "put":
            good = made.put(frame(made.last + 1, at=float(made.last), size=amount)) and good
        elif what == "take" and good:
            for number in taken(made, amount):
                assert number == expected
                expected += 1
        elif what == "back":
            after, complete = made.go_back(amount)
            assert not complete or after == amount
            assert after >= amount
            expected, good = after + 1, True
        elif what == "forget":
            made.forget(float(amount))
        assert 0 <= made.behind <= made.last - made.sent <= limits.kept_frames
        assert 0 <= made.bytes <= limits.kept_bytes
    while made.take() is not None:
        pass
    assert made.behind == 0
    made.forget(1e9)
    assert made.bytes == 0
