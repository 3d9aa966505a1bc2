"""The RTMP server's side, fed bytes. That real players understand it is tested by `test_ingest_publish.py`."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.local.ingest import amf, chunks
from aiortstream.local.ingest.chunks import ChunkReader, Message, RtmpProtocolError, write_message
from aiortstream.local.ingest.flv import AUDIO, SCRIPT, VIDEO, FlvTag, FlvTagReader
from aiortstream.local.ingest.rtmp import PlayRequest, RtmpPlaySession

HANDSHAKE = bytes([3]) + bytes(1536)


class Player:
    """The player's half of a conversation."""

    def __init__(self) -> None:
        self.session = RtmpPlaySession()
        self.reader = ChunkReader(max_message=1 << 24)
        self.requests: list[PlayRequest] = []

    def send(self, data: bytes) -> None:
        self.requests += self.session.receive(data)

    def shake_hands(self) -> bytes:
        self.send(HANDSHAKE)
        answer = self.session.take()
        self.send(bytes(1536))
        return answer

    def command(self, *values: amf.AmfValue, kind: int = chunks.COMMAND_AMF0) -> None:
        body = b"\0" * (kind == chunks.COMMAND_AMF3) + amf.encode(*values)
        self.send(write_message(Message(kind, 0, 0, body), chunk_stream=3, chunk_size=128))

    def messages(self) -> list[Message]:
        return list(self.reader.feed(self.session.take()))

    def answers(self) -> list[list[amf.AmfValue]]:
        return [amf.decode(message.body) for message in self.messages() if message.kind == chunks.COMMAND_AMF0]


@pytest.fixture
def player() -> Player:
    player = Player()
    player.shake_hands()
    return player


def codes(answers: list[list[amf.AmfValue]]) -> list[object]:
    return [answer[3]["code"] for answer in answers if isinstance(answer[3], dict)]


def test_the_handshake_echoes_and_may_come_in_pieces() -> None:
    session = RtmpPlaySession()
    hello = bytes([3]) + random.Random(1).randbytes(1536)
    for byte in hello:
        assert list(session.receive(bytes([byte]))) == []
    answer = session.take()
    assert (answer[0], len(answer)) == (3, 1 + 2 * 1536)
    assert answer[-1536:] == hello[1:]


def test_connect_then_create_then_play(player: Player) -> None:
    player.command("connect", 1, {"app": "live", "tcUrl": "rtmp://h/live"})
    assert codes(player.answers()) == ["NetConnection.Connect.Success"]
    player.command("createStream", 2, None)
    assert player.answers() == [["_result", 2, None, 1]]
    player.command("play", 3, None, "sample?token=x", -2000)
    assert player.requests == [PlayRequest("live/sample")]
    player.session.accept("live/sample")
    assert codes(player.answers()) == ["NetStream.Play.Reset", "NetStream.Play.Start"]


def test_an_unknown_stream_and_publishing_are_refused(player: Player) -> None:
    player.session.refuse("live/other")
    assert codes(player.answers()) == ["NetStream.Play.StreamNotFound"]
    player.command("publish", 3, None, "x", "live")
    assert codes(player.answers()) == ["NetStream.Publish.BadName"]
    player.command("getStreamLength", 4, None, "x")
    assert player.answers() == []


def test_commands_may_be_wrapped_as_amf3(player: Player) -> None:
    player.command("connect", 1, {"app": "live"}, kind=chunks.COMMAND_AMF3)
    player.command("play", 3, None, "sample", kind=chunks.COMMAND_AMF3)
    assert player.requests == [PlayRequest("live/sample")]


def test_tags_arrive_as_they_were(player: Player) -> None:
    player.command("connect", 1, {"app": "live"})
    player.messages()
    tags = [FlvTag(SCRIPT, 0, b"meta"), FlvTag(VIDEO, 40, bytes(200_000)), FlvTag(AUDIO, 0x1234567, b"sound")]
    for tag in tags:
        player.session.send(tag)
    assert [FlvTag(m.kind, m.timestamp, m.body) for m in player.messages()] == tags


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n" + bytes(1536), bytes([6]) + bytes(1536)],
)
def test_what_is_not_rtmp_is_told_apart(data: bytes) -> None:
    with pytest.raises(RtmpProtocolError, match="not RTMP"):
        list(RtmpPlaySession().receive(data))


def test_a_message_beyond_all_measure_is_refused(player: Player) -> None:
    with pytest.raises(RtmpProtocolError, match="16777215 bytes"):
        player.send(bytes([3]) + bytes(3) + b"\xff\xff\xff" + bytes([20]) + bytes(4) + bytes(128))


def test_a_malformed_command_is_refused(player: Player) -> None:
    with pytest.raises(RtmpProtocolError, match="malformed command"):
        player.send(write_message(Message(20, 0, 0, b"\x02\xff\xff"), chunk_stream=3, chunk_size=128))


@given(data=st.binary(max_size=3000))
def test_no_bytes_break_a_session_but_by_its_own_error(data: bytes) -> None:
    player = Player()
    player.shake_hands()
    try:
        player.send(data)
    except RtmpProtocolError:
        return


Values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(values=st.lists(Values, max_size=5))
def test_amf_values_survive_the_way(values: list[amf.AmfValue]) -> None:
    assert amf.decode(amf.encode(*values)) == values


def test_amf_reads_what_it_does_not_write() -> None:
    array = b"\x08\0\0\0\1" + b"\0\1a" + b"\x01\x01" + b"\0\0\x09"
    long_text = b"\x0c\0\0\0\2hi"
    date = b"\x0b" + bytes(8) + b"\0\0"
    assert amf.decode(array + long_text + date + b"\x06") == [{"a": True}, "hi", 0.0, None]


@pytest.mark.parametrize("data", [b"\x02\0\5ab", b"\0\0", b"\x11", b"\x03\0\1a", b"\x0a\0\0\0\1" * 30])
def test_broken_amf_is_one_error(data: bytes) -> None:
    with pytest.raises(amf.AmfError):
        amf.decode(data)


def test_amf_strings_have_a_limit() -> None:
    with pytest.raises(amf.AmfError, match="65535"):
        amf.encode("x" * 70_000)


Messages = st.lists(
    st.builds(
        Message,
        kind=st.sampled_from([8, 9, 18, 20]),
        timestamp=st.integers(0, 2**32 - 1),
        stream_id=st.integers(0, 5),
        body=st.binary(min_size=1, max_size=500),
    ),
    max_size=8,
)


@given(messages=Messages, chunk_size=st.sampled_from([1, 128, 4096]), piece=st.integers(1, 700))
def test_messages_survive_any_chunking(messages: list[Message], chunk_size: int, piece: int) -> None:
    size = Message(chunks.SET_CHUNK_SIZE, 0, 0, chunk_size.to_bytes(4, "big"))
    data = write_message(size, chunk_stream=2, chunk_size=128)
    data += b"".join(write_message(message, chunk_stream=4, chunk_size=chunk_size) for message in messages)
    reader = ChunkReader(max_message=1000)
    read = [m for start in range(0, len(data), piece) for m in reader.feed(data[start : start + piece])]
    assert read == messages


def test_chunk_headers_that_repeat_are_understood() -> None:
    reader = ChunkReader(max_message=1000)
    first = write_message(Message(8, 1000, 1, b"abc"), chunk_stream=70, chunk_size=128)
    assert first[0] == 70  # larger ids need a second byte: made by hand here
    first = bytes([0, 70 - 64]) + first[1:]
    with_step = bytes([0x80, 6]) + (20).to_bytes(3, "big") + b"def"  # same length and kind, 20 ms later
    bare = bytes([0xC0, 6]) + b"ghi"  # everything as before, the step too
    shorter = bytes([0x40, 6]) + (5).to_bytes(3, "big") + (1).to_bytes(3, "big") + bytes([9]) + b"j"
    assert [(m.kind, m.timestamp, m.body) for m in reader.feed(first + with_step + bare + shorter)] == [
        (8, 1000, b"abc"),
        (8, 1020, b"def"),
        (8, 1040, b"ghi"),
        (9, 1045, b"j"),
    ]


@pytest.mark.parametrize(
    ("tag", "header", "key"),
    [
        (FlvTag(SCRIPT, 0, b""), True, False),
        (FlvTag(VIDEO, 0, b"\x17\x00\0\0\0"), True, False),
        (FlvTag(VIDEO, 0, b"\x17\x01\0\0\0"), False, True),
        (FlvTag(VIDEO, 0, b"\x27\x01\0\0\0"), False, False),
        (FlvTag(VIDEO, 0, b"\x90hvc1"), True, False),
        (FlvTag(VIDEO, 0, b"\x91hvc1"), False, True),
        (FlvTag(AUDIO, 0, b"\xaf\x00\x12"), True, False),
        (FlvTag(AUDIO, 0, b"\xaf\x01\x12"), False, False),
        (FlvTag(AUDIO, 0, b""), False, False),
    ],
)
def test_tags_that_a_joining_player_needs_are_known(tag: FlvTag, header: bool, key: bool) -> None:
    assert (tag.is_header, tag.is_key_frame) == (header, key)


def test_tags_are_cut_from_a_file_written_in_pieces() -> None:
    body = b"\xaf\x01sound"
    tag = bytes([AUDIO]) + len(body).to_bytes(3, "big") + b"\x00\x00\x28\x01" + bytes(3) + body + bytes(4)
    data = b"FLV\x01\x05\0\0\0\x09" + bytes(4) + tag + tag
    reader = FlvTagReader()
    found: list[FlvTag] = []
    for byte in data:
        reader.write(bytes([byte]))
        found += reader.take()
    assert found == [FlvTag(AUDIO, 0x1000028, body)] * 2
