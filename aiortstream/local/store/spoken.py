"""What is said in videos: transcripts, written as a whole, and the moments of them that search finds.

Times are milliseconds from the beginning of the video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from aiortstream.local.store.transcripts import WordRow

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from aiortstream.local.store.scenes import Embedding


class SpokenRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One utterance, or a sentence of several."""

    start_ms: int
    end_ms: int
    text: str
    words: tuple[WordRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """One sentence that search can find."""

    id: int
    index_id: str
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class NewMoment:
    """One that is to be written; without an embedding it is found by its words alone."""

    start_ms: int
    end_ms: int
    text: str
    embedding: Embedding | None


_spoken = msgspec.json.Decoder(tuple[SpokenRow, ...])


def transcript(conn: sqlite3.Connection, video_id: str) -> Sequence[SpokenRow] | None:
    """The transcript of a video, in order; None if it has not been made."""
    row = conn.execute("SELECT utterances FROM video_transcripts WHERE video_id = ?", (video_id,)).fetchone()
    return None if row is None else _spoken.decode(row[0])


def set_transcript(conn: sqlite3.Connection, video_id: str, spoken: Sequence[SpokenRow], *, at: float) -> None:
    """The transcript of a video, in place of the one before."""
    conn.execute(
        "INSERT OR REPLACE INTO video_transcripts (video_id, utterances, created_at) VALUES (?, ?, ?)",
        (video_id, msgspec.json.encode(spoken), at),
    )


def index_of(conn: sqlite3.Connection, video_id: str) -> str | None:
    """The id of the index of what is said in a video; None if there is none."""
    row = conn.execute("SELECT id FROM spoken_indexes WHERE video_id = ?", (video_id,)).fetchone()
    return None if row is None else str(row[0])


def indexes_of_collection(conn: sqlite3.Connection, collection_id: str) -> Mapping[str, str]:
    """The videos of a collection that have an index, by the ids of the indexes."""
    rows = conn.execute(
        "SELECT spoken_indexes.id, video_id FROM spoken_indexes JOIN videos ON videos.id = video_id"
        " WHERE collection_id = ?",
        (collection_id,),
    )
    return dict(rows.fetchall())


def set_index(conn: sqlite3.Connection, video_id: str, index_id: str, new: Sequence[NewMoment], *, at: float) -> None:
    """The index of what is said in a video, in place of the one before."""
    remove_index(conn, video_id)
    conn.execute(
        "INSERT INTO spoken_indexes (id, video_id, created_at) VALUES (?, ?, ?)",
        (index_id, video_id, at),
    )
    for each in new:
        moment_id = conn.execute(
            "INSERT INTO moments (index_id, start_ms, end_ms, text) VALUES (?, ?, ?, ?)",
            (index_id, each.start_ms, each.end_ms, each.text),
        ).lastrowid
        conn.execute("INSERT INTO moment_words (rowid, text) VALUES (?, ?)", (moment_id, each.text))
        if each.embedding is not None:
            conn.execute(
                "INSERT INTO moment_vectors (index_id, model, moment_id, vector) VALUES (?, ?, ?, ?)",
                (index_id, each.embedding.model, moment_id, each.embedding.vector),
            )


def remove_index(conn: sqlite3.Connection, video_id: str) -> None:
    """Forget the index of a video, if it has one."""
    conn.execute(  # its words first: the full-text index takes them out by the text that is still there
        "INSERT INTO moment_words (moment_words, rowid, text)"
        " SELECT 'delete', moments.id, text FROM moments JOIN spoken_indexes ON spoken_indexes.id = index_id"
        " WHERE video_id = ?",
        (video_id,),
    )
    conn.execute("DELETE FROM spoken_indexes WHERE video_id = ?", (video_id,))


def moments(conn: sqlite3.Connection, ids: Sequence[int]) -> Mapping[int, Moment]:
    """Moments by their ids; those that are gone are left out."""
    found = {}
    for moment_id in ids:
        row = conn.execute(
            "SELECT id, index_id, start_ms, end_ms, text FROM moments WHERE id = ?", (moment_id,)
        ).fetchone()
        if row is not None:
            found[moment_id] = Moment(*row)
    return found
