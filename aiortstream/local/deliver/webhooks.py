"""Alerts to webhooks: what stands in the outbox is posted until the receiver takes it, or for two days.

The body is the hosted service's. The headers of Standard Webhooks are added: `webhook-id`, the same at every attempt,
by which a receiver knows what it has had already; `webhook-timestamp`; and, where a secret is set, the signature.
Delivery is at least once: a receiver that has answered just before a crash is asked again.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp

from aiortstream.errors import InvalidArgumentError
from aiortstream.local.reach import AddressRefused, Reach
from aiortstream.local.store import outbox

if TYPE_CHECKING:
    import sqlite3

    from aiortstream.local.store.database import Database
    from aiortstream.local.store.outbox import Delivery

logger = logging.getLogger("aiortstream.local.webhooks")

SCHEDULE = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21_600.0, 43_200.0, 86_400.0)
"""Seconds before the second attempt, the third, ...; each is drawn from ±10 %. After the last one it is given up."""
TIMEOUT = 10.0  # seconds a receiver has to answer
CONCURRENT = 16  # deliveries under way at once
OF_EACH = 4  # of these to one receiver: one that does not answer must not hold up the others
KEPT = 30 * 86_400.0  # seconds that what was delivered or given up can still be looked up
_TIDY_EVERY = 86_400.0  # seconds between two lookings for what is older
_RECHECK = 1.0  # seconds; while deliveries are under way, others may become due
_SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret, not one


class WebhookSender:
    """Sends what is in the outbox. `run` is a task of the server's; `wake` tells it of a new row."""

    def __init__(
        self,
        db: Database,
        *,
        secret: str | None = None,
        clock: Callable[[], float] = time.time,
        reach: Reach | None = None,
    ) -> None:
        """`reach` says where receivers may be. Raises InvalidArgumentError for a secret that is none."""
        self._db = db
        self._key = None if secret is None else _signing_key(secret)
        self._clock = clock
        self._reach = reach or Reach()
        self._woken = asyncio.Event()
        self._under_way: dict[int, str] = {}  # ids of outbox rows, and where they go
        self._tidied = -math.inf  # when old rows were last looked for

    def wake(self) -> None:
        """Look into the outbox now."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is tried again by the next server on this data."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        jar = aiohttp.DummyCookieJar()  # what one receiver sets is no other's business
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=jar, connector=self._reach.connector()) as session,
            asyncio.TaskGroup() as tasks,
        ):
            while True:
                self._woken.clear()
                await self._tidy()
                while ready := await self._due():
                    for delivery in ready:
                        self._under_way[delivery.id] = delivery.url
                        tasks.create_task(self._deliver(session, delivery), name=f"webhook {delivery.message_id}")
                await self._rest()

    async def _tidy(self) -> None:
        now = self._clock()
        if now - self._tidied >= _TIDY_EVERY:
            await self._db.run(lambda conn: outbox.forget(conn, now - KEPT))
            self._tidied = now

    async def _due(self) -> list[Delivery]:
        # As it was before the reading: one that ends meanwhile is still due in what was read.
        taken = frozenset(self._under_way)
        busy = Counter(self._under_way.values())
        most = CONCURRENT + len(taken)
        full = [url for url, count in busy.items() if count >= OF_EACH]
        rows = await self._db.read(lambda conn: outbox.due(conn, self._clock(), most, without=full))
        ready: list[Delivery] = []
        for row in rows:
            if row.id not in taken and busy[row.url] < OF_EACH and len(self._under_way) + len(ready) < CONCURRENT:
                busy[row.url] += 1
                ready.append(row)
        return ready

    async def _rest(self) -> None:
        """Wait until something may be due."""
        seconds: float | None = _RECHECK
        if not self._under_way:
            due = await self._db.read(outbox.next_due)
            seconds = None if due is None else max(0.0, due - self._clock())
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        try:
            problem = await self._post(session, delivery)
            await self._db.run(lambda conn: self._record(conn, delivery, problem))
        finally:
            del self._under_way[delivery.id]
            self.wake()

    async def _post(self, session: aiohttp.ClientSession, delivery: Delivery) -> _Problem | None:
        """What went wrong, or None if the receiver took it."""
        try:
            async with session.post(
                delivery.url, data=delivery.body, headers=self._headers(delivery), allow_redirects=False
            ) as response:
                if 200 <= response.status < 300:
                    return None
                return _Problem(f"HTTP {response.status}", gone=response.status == 410)
        except TimeoutError:
            return _Problem(f"no answer within {TIMEOUT:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressRefused):
                return _Problem(str(error.os_error.strerror))
            return _Problem(type(error).__name__)  # its text may hold the URL, which may hold a secret

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        stamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": delivery.message_id,
            "webhook-timestamp": stamp,
        }
        if self._key is not None:
            signed = f"{delivery.message_id}.{stamp}.".encode() + delivery.body
            signature = base64.b64encode(hmac.digest(self._key, signed, "sha256")).decode()
            headers["webhook-signature"] = f"v1,{signature}"
        return headers

    def _record(self, conn: sqlite3.Connection, delivery: Delivery, problem: _Problem | None) -> None:
        now = self._clock()
        if problem is None:
            outbox.delivered(conn, delivery.id, now)
        elif problem.gone:
            logger.warning("the receiver of alert %s says it is gone", delivery.alert_id)
            outbox.gone(conn, delivery.id, now, problem.reason)
        else:
            again = _next_attempt(delivery.attempts, now)
            logger.info(
                "delivery %s failed (%s)%s",
                delivery.message_id,
                problem.reason,
                ", given up" if again is None else f", again in {again - now:.0f} s",
            )
            outbox.failed(conn, delivery.id, now, again, problem.reason)


class _Problem:
    """Why an attempt failed."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        self.reason = reason
        self.gone = gone


def _next_attempt(made_before: int, now: float) -> float | None:
    if made_before >= len(SCHEDULE):
        return None
    return now + SCHEDULE[made_before] * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, protects nothing


def _signing_key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        raise InvalidArgumentError(
            f"webhook_secret: expected {_SECRET_PREFIX!r} and a key in base64, as Standard Webhooks has it"
        ) from None
