"""The tables, and the steps that bring an older database to them. `PRAGMA user_version` counts the steps taken.

Times of records, which clients use as keys, are whole milliseconds (`_ms`), so that seconds over REST and milliseconds
over the websocket name the same record; all other times are unix seconds (`_at`). Record ids rise in the order of
commits, which is what `judged_to` and `read_to` count by. Paths are relative, so that a data directory can be moved.
"""

from __future__ import annotations

import sqlite3
import time
import uuid

_VERSION_1 = (
    """
    CREATE TABLE collections (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        is_default INTEGER NOT NULL,
        created_at REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE streams (
        id TEXT PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        name TEXT NOT NULL,
        url TEXT NOT NULL,              -- with its credentials: connecting again takes them
        media_types TEXT NOT NULL,      -- comma-separated
        sample_rate INTEGER NOT NULL,
        store INTEGER NOT NULL,
        wanted INTEGER NOT NULL,        -- whether it is to run, whatever it does at the moment
        status TEXT NOT NULL,
        status_reason TEXT,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX streams_by_age ON streams (created_at, id)",
    "CREATE INDEX streams_by_name ON streams (name, id)",
    "CREATE INDEX streams_by_collection ON streams (collection_id)",
    "CREATE INDEX streams_wanted ON streams (created_at) WHERE wanted",
    """
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY,
        rtstream_id TEXT NOT NULL REFERENCES streams (id),
        path TEXT NOT NULL,
        start_at REAL NOT NULL,
        end_at REAL NOT NULL,
        bytes INTEGER NOT NULL,
        session TEXT NOT NULL,
        has_video INTEGER NOT NULL,
        has_audio INTEGER NOT NULL,
        UNIQUE (rtstream_id, path)
    ) STRICT
    """,
    "CREATE INDEX segments_by_time ON segments (rtstream_id, start_at)",
    """
    CREATE TABLE transcripts (
        rtstream_id TEXT PRIMARY KEY REFERENCES streams (id),
        engine TEXT NOT NULL,
        running INTEGER NOT NULL,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE utterances (
        id INTEGER PRIMARY KEY,
        rtstream_id TEXT NOT NULL REFERENCES streams (id),
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        text TEXT NOT NULL,
        words BLOB NOT NULL,            -- JSON: [[word, start_ms, end_ms], ...]
        model TEXT NOT NULL,
        UNIQUE (rtstream_id, start_ms, end_ms)
    ) STRICT
    """,
    "CREATE INDEX utterances_in_order ON utterances (rtstream_id)",
    """
    CREATE TABLE indexes (
        id TEXT PRIMARY KEY,
        rtstream_id TEXT NOT NULL REFERENCES streams (id),
        kind TEXT NOT NULL,             -- visual or audio
        extraction_type TEXT NOT NULL,  -- as it was asked for: names differ between SDKs
        extraction_config TEXT NOT NULL,
        prompt TEXT NOT NULL,
        model_name TEXT,
        name TEXT,
        running INTEGER NOT NULL,
        read_to INTEGER NOT NULL,       -- audio: the last utterance that was read,
        read_words INTEGER NOT NULL,    -- and how many words of the one after it
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX indexes_by_stream ON indexes (rtstream_id, created_at, id)",
    """
    CREATE TABLE scenes (
        id INTEGER PRIMARY KEY,
        index_id TEXT NOT NULL REFERENCES indexes (id),
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        text TEXT NOT NULL,
        metadata TEXT,                  -- JSON
        model TEXT NOT NULL,
        UNIQUE (index_id, start_ms, end_ms)
    ) STRICT
    """,
    "CREATE INDEX scenes_in_order ON scenes (index_id)",
    """
    CREATE TABLE longest (              -- of the records of an index or a transcript: bounds the search for overlaps
        owner TEXT PRIMARY KEY,         -- index id, or stream id for its transcript
        milliseconds INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE VIRTUAL TABLE scene_words USING fts5 (text, content = 'scenes', content_rowid = 'id', tokenize = 'porter')",
    """
    CREATE TABLE scene_vectors (
        index_id TEXT NOT NULL,
        model TEXT NOT NULL,
        scene_id INTEGER NOT NULL REFERENCES scenes (id),
        vector BLOB NOT NULL,           -- float16, little-endian: a thousandth of a cosine, for half the bytes
        PRIMARY KEY (index_id, model, scene_id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE events (
        id TEXT PRIMARY KEY,
        prompt TEXT NOT NULL,
        label TEXT NOT NULL,
        created_at REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE alerts (
        id TEXT PRIMARY KEY,
        index_id TEXT NOT NULL REFERENCES indexes (id),
        event_id TEXT NOT NULL REFERENCES events (id),
        callback_url TEXT NOT NULL,
        callback_gone_at REAL,          -- since when its receiver has said that it is gone for good
        enabled INTEGER NOT NULL,
        judged_to INTEGER NOT NULL,     -- the last scene that was judged
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX alerts_by_index ON alerts (index_id, created_at, id)",
    """
    CREATE TABLE firings (
        id INTEGER PRIMARY KEY,
        alert_id TEXT NOT NULL REFERENCES alerts (id),
        scene_id INTEGER NOT NULL REFERENCES scenes (id),
        fired_ms INTEGER NOT NULL,
        confidence REAL NOT NULL,
        explanation TEXT NOT NULL,
        model TEXT NOT NULL,
        UNIQUE (alert_id, scene_id)
    ) STRICT
    """,
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        message_id TEXT NOT NULL UNIQUE,
        alert_id TEXT NOT NULL REFERENCES alerts (id),
        url TEXT NOT NULL,
        body BLOB NOT NULL,
        created_at REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        last_attempt_at REAL,
        next_attempt_at REAL,           -- set while it is pending
        delivered_at REAL,
        last_error TEXT
    ) STRICT
    """,
    "CREATE INDEX outbox_pending ON outbox (next_attempt_at, id) WHERE next_attempt_at IS NOT NULL",
    "CREATE INDEX outbox_done ON outbox (created_at) WHERE next_attempt_at IS NULL",
    "CREATE INDEX outbox_by_alert ON outbox (alert_id) WHERE next_attempt_at IS NOT NULL",
    """
    CREATE TABLE videos (
        id TEXT PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        rtstream_id TEXT NOT NULL REFERENCES streams (id),
        last_segment_id INTEGER NOT NULL,  -- of the recording when it was made: nothing newer, nothing to make
        name TEXT NOT NULL,
        path TEXT NOT NULL,
        duration REAL NOT NULL,
        has_video INTEGER NOT NULL,
        created_at REAL NOT NULL,
        UNIQUE (rtstream_id, last_segment_id)
    ) STRICT
    """,
)

_VERSION_2 = (
    """
    CREATE TABLE firings_2 (
        id INTEGER PRIMARY KEY,
        rtstream_id TEXT NOT NULL REFERENCES streams (id),
        index_id TEXT NOT NULL REFERENCES indexes (id),
        alert_id TEXT NOT NULL REFERENCES alerts (id),
        scene_id INTEGER NOT NULL REFERENCES scenes (id),
        fired_ms INTEGER NOT NULL,      -- when it was judged
        logged_ms INTEGER NOT NULL,     -- when it was committed: never smaller than of the id before
        confidence REAL NOT NULL,
        explanation TEXT NOT NULL,
        model TEXT NOT NULL,
        UNIQUE (alert_id, scene_id)
    ) STRICT
    """,
    """
    INSERT INTO firings_2
    SELECT firings.id, indexes.rtstream_id, indexes.id, alert_id, scene_id, fired_ms,
        max(fired_ms) OVER (ORDER BY firings.id), confidence, explanation, model
    FROM firings JOIN alerts ON alerts.id = alert_id JOIN indexes ON indexes.id = index_id
    """,
    "DROP TABLE firings",
    "ALTER TABLE firings_2 RENAME TO firings",
    "CREATE INDEX firings_by_time ON firings (logged_ms)",
    "CREATE INDEX firings_by_stream ON firings (rtstream_id, logged_ms)",
    "CREATE INDEX firings_by_index ON firings (index_id, logged_ms)",
    """
    CREATE TABLE connections (          -- websocket connections, by the ids that this server has given them
        id TEXT PRIMARY KEY,
        seen_at REAL NOT NULL           -- about when it was last open
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX connections_by_age ON connections (seen_at)",
    """
    CREATE TABLE bindings (
        id INTEGER PRIMARY KEY,         -- in the order of binding
        topic TEXT NOT NULL,            -- id of a stream (its transcript), an index or an alert
        connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
        UNIQUE (topic, connection_id)
    ) STRICT
    """,
    "CREATE INDEX bindings_by_connection ON bindings (connection_id)",
)

_VERSION_3 = (
    """
    CREATE TABLE videos_2 (
        id TEXT PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        rtstream_id TEXT REFERENCES streams (id),  -- null: it was uploaded
        last_segment_id INTEGER,        -- of the recording when it was made: nothing newer, nothing to make
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        path TEXT NOT NULL,
        duration REAL NOT NULL,
        has_video INTEGER NOT NULL,
        created_at REAL NOT NULL,
        UNIQUE (rtstream_id, last_segment_id)
    ) STRICT
    """,
    """
    INSERT INTO videos_2
    SELECT id, collection_id, rtstream_id, last_segment_id, name, '', path, duration, has_video, created_at FROM videos
    """,
    "DROP TABLE videos",
    "ALTER TABLE videos_2 RENAME TO videos",
    "CREATE INDEX videos_by_collection ON videos (collection_id, created_at, id)",
    """
    CREATE TABLE video_transcripts (    -- of a whole video, written at once
        video_id TEXT PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
        utterances BLOB NOT NULL,       -- JSON: [[start_ms, end_ms, text, [[word, start_ms, end_ms], ...]], ...]
        created_at REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE spoken_indexes (       -- what is said in a video, for search; indexing again makes another
        id TEXT PRIMARY KEY,
        video_id TEXT NOT NULL UNIQUE REFERENCES videos (id) ON DELETE CASCADE,
        created_at REAL NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE moments (              -- sentences of a video; times from its beginning
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given again: the words of one that is gone must find no other
        index_id TEXT NOT NULL REFERENCES spoken_indexes (id) ON DELETE CASCADE,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        text TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX moments_by_index ON moments (index_id)",
    "CREATE VIRTUAL TABLE moment_words USING fts5"
    " (text, content = 'moments', content_rowid = 'id', tokenize = 'porter')",
    """
    CREATE TABLE moment_vectors (
        index_id TEXT NOT NULL,
        model TEXT NOT NULL,
        moment_id INTEGER NOT NULL REFERENCES moments (id) ON DELETE CASCADE,
        vector BLOB NOT NULL,           -- as in scene_vectors
        PRIMARY KEY (index_id, model, moment_id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX moment_vectors_by_moment ON moment_vectors (moment_id)",
)

_VERSION_4 = (
    # What an index is to the wire: a scene index, an understanding, or an index of what an understanding records.
    "ALTER TABLE indexes ADD COLUMN role TEXT NOT NULL DEFAULT 'scene'",
    """
    CREATE TABLE understandings (
        id TEXT PRIMARY KEY REFERENCES indexes (id),
        output TEXT NOT NULL,           -- the name of its analyzer
        store INTEGER NOT NULL,         -- whether its records are kept
        segmentation TEXT NOT NULL,     -- JSON, checked and with defaults filled in, as are the analyzers
        analyzers TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE understanding_indexes (  -- the index's `read_to` is the last record that it has taken
        id TEXT PRIMARY KEY REFERENCES indexes (id),
        understanding_id TEXT NOT NULL REFERENCES understandings (id),
        use_for TEXT NOT NULL           -- comma-separated
    ) STRICT
    """,
    "CREATE INDEX understanding_indexes_by_source ON understanding_indexes (understanding_id)",
)

_VERSION_5 = (
    """
    CREATE TABLE capture_sessions (
        id TEXT PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        end_user_id TEXT NOT NULL,
        callback_url TEXT,
        metadata TEXT NOT NULL,         -- JSON
        status TEXT NOT NULL,
        created_at REAL NOT NULL,
        export_status TEXT,
        export_channel TEXT,            -- that was exported last, or is being
        exported_video_id TEXT
    ) STRICT
    """,
    "CREATE INDEX capture_sessions_by_age ON capture_sessions (collection_id, created_at, id)",
    """
    CREATE TABLE capture_channels (
        id INTEGER PRIMARY KEY,         -- in the order in which they were asked for
        session_id TEXT NOT NULL REFERENCES capture_sessions (id),
        channel_id TEXT NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,             -- audio or video
        store INTEGER NOT NULL,
        rtstream_id TEXT NOT NULL UNIQUE REFERENCES streams (id),
        push_url TEXT NOT NULL,
        UNIQUE (session_id, channel_id)
    ) STRICT
    """,
    """
    CREATE TABLE outbox_2 (
        id INTEGER PRIMARY KEY,
        message_id TEXT NOT NULL UNIQUE,
        alert_id TEXT REFERENCES alerts (id),  -- null: it tells of a capture session
        url TEXT NOT NULL,
        body BLOB NOT NULL,
        created_at REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        last_attempt_at REAL,
        next_attempt_at REAL,           -- set while it is pending
        delivered_at REAL,
        last_error TEXT
    ) STRICT
    """,
    """
    INSERT INTO outbox_2
    SELECT id, message_id, alert_id, url, body, created_at, attempts, last_attempt_at, next_attempt_at, delivered_at,
        last_error FROM outbox
    """,
    "DROP TABLE outbox",
    "ALTER TABLE outbox_2 RENAME TO outbox",
    "CREATE INDEX outbox_pending ON outbox (next_attempt_at, id) WHERE next_attempt_at IS NOT NULL",
    "CREATE INDEX outbox_done ON outbox (created_at) WHERE next_attempt_at IS NULL",
    "CREATE INDEX outbox_by_alert ON outbox (alert_id) WHERE next_attempt_at IS NOT NULL",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)
"""Step n leads from version n to version n + 1."""


class SchemaTooNew(Exception):  # noqa: N818 - the name says what happened
    """A later version of this program has written the database."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest version, in one transaction. Raises `SchemaTooNew`."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        for step in MIGRATIONS[version:]:
            for statement in step:
                connection.execute(statement)
        if version == 0:
            _add_default_collection(connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise SchemaTooNew(
            f"the data directory was written by a later version of aiortstream (schema {version}, this one knows "
            f"{len(MIGRATIONS)}): install that version, or take another directory"
        )
    return version


def _add_default_collection(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO collections (id, name, description, is_default, created_at) VALUES (?, ?, ?, 1, ?)",
        (f"c-{uuid.uuid4()}", "Default", "The collection of this server", time.time()),
    )
