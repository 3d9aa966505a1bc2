"""What is no HTTP request: refused in the envelope, without an alarm in the log, and the server goes on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from contract_parts import no_complaints
from shell_parts import open_shell

KEY_LINE = b"x-access-token: sk-shell\r\n"


async def sent(base: str, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """What is answered to these bytes, until the server closes the connection."""
    address = urlsplit(base)
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(raw)
        await writer.drain()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /rtstream/" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /rtstream?name=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nx-long: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /rtstream HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"what is this\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["path", "query", "header", "no-colon", "length", "smuggled", "nul", "words", "tls"],
)
async def test_what_is_no_request_is_refused_in_the_envelope(raw: bytes, tmp_path: Path) -> None:
    with no_complaints() as said:
        async with open_shell(tmp_path) as shell:
            status, headers, body = await sent(shell.base, raw)
            assert 400 <= status < 500
            assert headers["content-type"] == "application/json"
            assert headers["x-request-id"]
            told = json.loads(body)
            assert set(told) == {"success", "message", "error_code"}
            assert (told["success"], told["error_code"]) == (False, "invalid_request")
            assert len(told["message"]) < 300
            assert (await shell.get("/rtstream")).status == 200
    assert not said


async def test_a_body_that_breaks_off_leaves_the_server_well(tmp_path: Path) -> None:
    with no_complaints() as said:
        async with open_shell(tmp_path) as shell:
            address = urlsplit(shell.base)
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(b"POST /rtstream HTTP/1.1\r\nHost: 127.0.0.1\r\n" + KEY_LINE + b"Content-Length: 99\r\n\r\n{")
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            assert (await shell.get("/rtstream")).data["count"] == 0
    assert not said
