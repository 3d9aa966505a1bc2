"""Changing and deleting through the transport, and jobs that somebody else is told of."""

from __future__ import annotations

import msgspec
import pytest
from test_transport import (
    BROKEN_GET,
    GOOD,
    Scripted,
    answers,
    peer,  # noqa: F401 - a fixture
    transport,  # noqa: F401 - a fixture
)

from aiortstream import errors
from aiortstream.transport import Transport
from aiortstream.wire.rest import CollectionAnswer

BODY = msgspec.Raw(b'{"name":"mine"}')


async def test_a_change_answers_and_is_repeated(
    peer: Scripted,  # noqa: F811
    transport: Transport,  # noqa: F811
) -> None:
    peer.then(answers(b"", 502), answers(GOOD))
    assert (await transport.change("collection/c-1", CollectionAnswer, body=BODY)).name == "mine"
    assert [(method, body) for method, _, body, _ in peer.seen] == [("PATCH", bytes(BODY))] * 2


async def test_a_deletion_is_repeated_and_not_found_by_then_is_done(
    peer: Scripted,  # noqa: F811
    transport: Transport,  # noqa: F811
) -> None:
    peer.then(answers({"success": True, "message": "deleted"}))
    await transport.delete("video/m-1", params={"collection_id": "c-1"})
    assert peer.seen[0][:3] == ("DELETE", "/video/m-1?collection_id=c-1", b"")
    gone = answers({"success": False, "message": "no such video"}, 404)
    peer.then(*BROKEN_GET, gone)  # aiohttp takes a deletion for as repeatable as a GET
    await transport.delete("video/m-1")
    peer.then(answers(b"", 502), gone)
    await transport.delete("video/m-1")
    peer.then(gone)
    with pytest.raises(errors.NotFoundError):
        await transport.delete("video/m-1")
    peer.then(answers({"success": False}, 429), gone)  # refused before anything was done
    with pytest.raises(errors.NotFoundError):
        await transport.delete("video/m-1")


async def test_a_job_that_somebody_else_is_told_of_is_not_followed(
    peer: Scripted,  # noqa: F811
    transport: Transport,  # noqa: F811
) -> None:
    job = {"success": True, "status": "processing", "request_type": "async", "data": {"output_url": peer.url}}
    peer.then(answers(job))
    await transport.act("video/m-1/index", body=BODY)
    assert len(peer.seen) == 1
    peer.then(answers(job))
    with pytest.raises(errors.ProtocolError):  # where an answer is needed, that is none
        await transport.post("x", CollectionAnswer, body=BODY)
    assert len(peer.seen) == 2


async def test_an_act_waits_for_the_job_it_becomes(
    peer: Scripted,  # noqa: F811
    transport: Transport,  # noqa: F811
) -> None:
    job = {"success": True, "status": "processing", "data": {"output_url": f"{peer.url}async-response/1"}}
    peer.then(answers(job), answers({"success": True, "status": "done", "response": {"success": True}}))
    await transport.act("video/m-1/index", body=BODY)
    failed = {"success": True, "status": "failed", "response": {"success": False, "message": "no sound"}}
    peer.then(answers(job), answers(failed))
    with pytest.raises(errors.InvalidRequestError, match="no sound"):
        await transport.act("video/m-1/index", body=BODY)
