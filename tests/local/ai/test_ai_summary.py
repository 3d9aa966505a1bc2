"""The summariser that picks sentences."""

from __future__ import annotations

import json

import pytest

from aiortstream.local.ai.summary import ExtractiveSummariser, extract, wants_json

MEETING = (
    "Okay, um, any questions? Good morning everyone. The delivery of the new pumps has been delayed until Friday "
    "because the supplier lost one truck. We told the customer about the delay yesterday. The customer was not happy "
    "but accepted the new date. Maria will call the supplier again this afternoon. In other news, the canteen will be "
    "closed on Monday. Right. The pumps will be installed by the night shift once the delivery arrives. Thank you. Bye."
)


async def test_it_keeps_what_the_text_is_about_and_leaves_filler_out() -> None:
    summary = await ExtractiveSummariser().summarise(MEETING, "Summarize what is being discussed")
    assert "delivery of the new pumps has been delayed" in summary
    assert len(summary.split()) < len(MEETING.split()) / 2
    assert not any(filler in summary for filler in ("questions?", "Good morning", "Right.", "Thank you", "Bye"))


def test_every_sentence_is_from_the_text_and_in_its_order() -> None:
    summary = extract(MEETING, "Summarise")
    places = [MEETING.index(sentence.strip() + ".") for sentence in summary.rstrip(".").split(". ")]
    assert places == sorted(places)


def test_words_of_the_prompt_weigh() -> None:
    assert "canteen" not in extract(MEETING, "Summarise")
    assert "canteen will be closed on Monday" in extract(MEETING, "What is said about the canteen?")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello   there.\n\nHow are you? ", "Hello there. How are you?"),
        ("One. Two. Three. Four.", "One. Two. Three. Four."),
        ("word " * 100, ("word " * 100).strip()),
        ("", ""),
    ],
    ids=["white space is cleaned", "few words", "one long sentence", "nothing"],
)
def test_short_texts_are_returned_whole(text: str, expected: str) -> None:
    assert extract(text, "Summarise") == expected


def test_a_repeated_sentence_is_said_once() -> None:
    text = (
        "The red pump on line four is leaking oil again. " * 6 + "A technician has been called to repair the pump. " * 2
    )
    assert extract(text, "Summarise").count("leaking") == 1


def test_nothing_but_filler_still_gives_something() -> None:
    assert extract("Okay. " * 50, "Summarise")


async def test_json_is_given_where_it_is_asked_for() -> None:
    answer = await ExtractiveSummariser().summarise('He said "stop". Über alles.', "Return JSON with a summary")
    assert json.loads(answer) == {"summary": 'He said "stop". Über alles.'}
    assert "Über" in answer


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("Return only valid JSON.", True), ("as json: {}", True), ("Jsonnet files", False), ("Describe", False)],
)
def test_wants_json(prompt: str, expected: bool) -> None:
    assert wants_json(prompt) is expected


def test_a_very_long_text_is_summarised_from_its_end() -> None:
    text = " ".join(f"Sentence number {index} talks about thing {index % 7} in some detail." for index in range(1000))
    assert "Sentence number 1 " not in extract(text, "Summarise")
