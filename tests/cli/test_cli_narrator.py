"""Lines for a terminal and for a file, and that a wait is never silent."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from aiortstream.cli.narrator import Narrator


class Told(io.StringIO):
    """Output that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()

    def write(self, text: str) -> int:
        self.changed.set()
        return super().write(text)

    async def until(self, text: str) -> None:
        async with asyncio.timeout(5):
            while text not in self.getvalue():
                self.changed.clear()
                await self.changed.wait()


def told(text: str, *, terminal: bool = False) -> str:
    out = io.StringIO()
    Narrator(Console(file=out, width=40, force_terminal=terminal, color_system="standard" if terminal else None)).say(
        "scene", text, "cyan"
    )
    return out.getvalue()


def test_a_line_is_one_line_with_its_time_and_without_colours_in_a_file() -> None:
    url = "http://127.0.0.1:1/" + "x" * 200
    assert told(url) == f"   0.0s  scene      {url}\n"


def test_on_a_terminal_the_kind_is_coloured_and_the_text_is_not() -> None:
    line = told("a van", terminal=True)
    assert "\x1b[36mscene" in line
    assert line.endswith("a van\n")


@pytest.mark.parametrize(("text", "shown"), [("[bold]x[/bold]", "[bold]x[/bold]"), ("a\x1b[2Jb\r\nc", "a [2Jb  c")])
def test_what_was_seen_or_said_moves_no_cursor_and_is_no_markup(text: str, shown: str) -> None:
    assert told(text).removesuffix("\n").endswith(shown)
    assert told(text).count("\n") == 1


async def test_a_wait_is_told_again_and_again_in_the_words_of_the_moment() -> None:
    out = Told()
    async with Narrator(Console(file=out, width=80), patience=0.01) as narrator:
        narrator.doing = "loading"
        await out.until("...        loading")
        words = iter(["first", "second"])
        narrator.doing = lambda: next(words, "more")
        await out.until("...        first")
        await out.until("...        second")
    said = out.getvalue()
    await asyncio.sleep(0)
    assert out.getvalue() == said  # closed, it is silent


async def test_a_person_who_is_waited_for_is_not_urged() -> None:
    out = Told()
    async with Narrator(Console(file=out, width=80), patience=0.001) as narrator:
        narrator.doing = None
        await asyncio.sleep(0.01)
        assert out.getvalue() == ""
        narrator.doing = "closing"
        await out.until("...        closing")


async def test_it_does_not_interrupt_what_keeps_talking() -> None:
    out = Told()
    async with Narrator(Console(file=out, width=80), patience=60) as narrator:
        narrator.say("scene", "one")
        await asyncio.sleep(0)
    assert "..." not in out.getvalue()


async def test_output_that_cannot_be_written_fails_the_one_who_speaks_and_not_the_closing() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("nobody reads")

    async with Narrator(Console(file=Gone(), width=80), patience=0) as narrator:
        await asyncio.sleep(0)  # its reminder has failed
        with pytest.raises(OSError, match="nobody reads"):
            narrator.say("scene", "one")
