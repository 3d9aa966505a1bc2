"""What handlers find in the application: one typed key each."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.deliver.clips import ClipCache
from aiortstream.local.deliver.hub import WebsocketHub
from aiortstream.local.deliver.jobs import Jobs
from aiortstream.local.deliver.live_page import LivePage
from aiortstream.local.services import Services
from aiortstream.local.urls import Signer, Urls

SERVICES = web.AppKey("services", Services)
HUB = web.AppKey("hub", WebsocketHub)
LIVE_PAGE = web.AppKey("live_page", LivePage)
JOBS = web.AppKey("jobs", Jobs)
CLIPS = web.AppKey("clips", ClipCache)
URLS = web.AppKey("urls", Urls)
SIGNER = web.AppKey("signer", Signer)
OPENAPI = web.AppKey("openapi", bytes)
