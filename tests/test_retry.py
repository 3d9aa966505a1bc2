"""Delays between attempts, and what may be attempted again."""

from __future__ import annotations

from itertools import islice

import pytest

from aiortstream.retry import job_delays, may_repeat, reconnect_delays, request_delays


def test_delays_double_up_to_their_maximum() -> None:
    plain = reconnect_delays(0.25, 3.0, jitter=lambda delay: delay)
    assert list(islice(plain, 6)) == [0.25, 0.5, 1.0, 2.0, 3.0, 3.0]


def test_every_delay_is_drawn_from_its_upper_half() -> None:
    for _ in range(50):
        for drawn, whole in zip(request_delays(), (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0), strict=False):
            assert whole / 2 <= drawn <= whole


def test_two_clients_do_not_come_back_together() -> None:
    assert list(islice(request_delays(), 4)) != list(islice(request_delays(), 4))


def test_a_job_is_looked_at_often_first_then_every_five_seconds() -> None:
    assert list(islice(job_delays(), 7)) == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("idempotent", "sent", "again"),
    [(True, True, True), (True, False, True), (False, False, True), (False, True, False)],
)
def test_what_may_have_created_something_is_not_repeated(idempotent: bool, sent: bool, again: bool) -> None:
    assert may_repeat(idempotent=idempotent, sent=sent) is again
