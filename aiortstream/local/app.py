"""The aiohttp application: routes, what stands around them, and what they find in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import msgspec
from aiohttp import web

from aiortstream.local.deliver.clips import ClipCache
from aiortstream.local.deliver.hub import WebsocketHub
from aiortstream.local.deliver.jobs import Jobs
from aiortstream.local.deliver.live_page import LivePage
from aiortstream.local.routes import (
    alerts,
    captures,
    collections,
    indexes,
    jobs,
    keys,
    pages,
    playback,
    search,
    streams,
    transcripts,
    understandings,
    uploads,
    videos,
    websocket,
)
from aiortstream.local.routes.middlewares import admit, answer_errors, stamp_answer, within_deadline
from aiortstream.local.routes.openapi import document
from aiortstream.local.routes.table import install
from aiortstream.local.services import Services
from aiortstream.local.settings import ServerSettings
from aiortstream.local.urls import Signer, Urls

ROUTES = (
    *collections.routes,
    *captures.routes,
    *captures.client_routes,
    *streams.routes,
    *transcripts.routes,
    *indexes.routes,
    *understandings.routes,
    *alerts.routes,
    *search.routes,
    *videos.routes,
    *jobs.routes,
    *websocket.api,
    *websocket.socket,
    *playback.routes,
    *uploads.routes,
    *pages.browser,
    *pages.anyone,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers work with."""

    services: Services
    hub: WebsocketHub
    page: LivePage
    jobs: Jobs
    clips: ClipCache
    urls: Urls
    signer: Signer


def build_app(parts: Parts, settings: ServerSettings) -> web.Application:
    """The application of one server."""
    app = web.Application(client_max_size=settings.largest_body)
    access = install(app, ROUTES)
    app.middlewares.extend(
        (
            answer_errors,
            admit(access, settings.api_key, parts.signer.is_session_token),
            within_deadline(access, settings.request_deadline),
        )
    )
    app.on_response_prepare.append(stamp_answer)
    app[keys.SERVICES] = parts.services
    app[keys.HUB] = parts.hub
    app[keys.LIVE_PAGE] = parts.page
    app[keys.JOBS] = parts.jobs
    app[keys.CLIPS] = parts.clips
    app[keys.URLS] = parts.urls
    app[keys.SIGNER] = parts.signer
    app[keys.OPENAPI] = _openapi()
    return app


@cache
def _openapi() -> bytes:
    return msgspec.json.encode(document(ROUTES))
