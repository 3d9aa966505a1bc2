"""Calling models: deadlines, further attempts, what is not tried again."""

from __future__ import annotations

import asyncio

import pytest

from aiortstream.local.ai.protocols import BackendMissing, ModelError
from aiortstream.local.patience import call_model


class Model:
    """Answers as told, one outcome a call."""

    def __init__(self, *outcomes: Exception | str) -> None:
        self.calls = 0
        self._outcomes = outcomes

    async def __call__(self) -> str:
        outcome = self._outcomes[self.calls]
        self.calls += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_a_failure_is_tried_again_as_often_as_there_are_delays() -> None:
    model = Model(ModelError("one"), ModelError("two"), "answer")
    assert await call_model(model, seconds=5, delays=(0, 0)) == "answer"
    hopeless = Model(ModelError("one"), ModelError("two"), "too late")
    with pytest.raises(ModelError, match="two"):
        await call_model(hopeless, seconds=5, delays=(0,))
    assert hopeless.calls == 2


async def test_a_backend_that_is_missing_stays_missing() -> None:
    model = Model(BackendMissing("pip install"), "answer")
    with pytest.raises(BackendMissing):
        await call_model(model, seconds=5, delays=(0, 0))
    assert model.calls == 1


async def test_a_model_that_does_not_answer_is_given_up() -> None:
    with pytest.raises(ModelError, match=r"not answered within 0\.001 s"):
        await call_model(asyncio.Event().wait, seconds=0.001)


async def test_a_timeout_of_the_models_own_and_a_defect_are_not_mistaken_for_ours() -> None:
    for error in (TimeoutError("its own"), ZeroDivisionError("a defect")):
        with pytest.raises(type(error), match=str(error)):
            await call_model(Model(error), seconds=5)


async def test_cancelling_cancels_the_call() -> None:
    task = asyncio.create_task(call_model(asyncio.Event().wait, seconds=60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
