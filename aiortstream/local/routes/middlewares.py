"""What stands around every handler: a request id, the envelope for everything that goes wrong, and who may come in."""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import logging
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import ClientConnectionResetError, hdrs, web

from aiortstream.local.routes.answers import refusal
from aiortstream.local.routes.hosted import hosted_only
from aiortstream.local.routes.table import Access
from aiortstream.local.services.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.typedefs import Handler, Middleware

logger = logging.getLogger("aiortstream.local.http")

KEY_HEADER = "x-access-token"
REQUEST_ID_HEADER = "x-request-id"
PAGE_HEADER = "x-aiortstream-page"
_REQUEST_ID = web.RequestKey("request_id", str)


def request_id(request: web.BaseRequest) -> str:
    """The id under which this request stands in the log, also sent in the answer's `x-request-id`."""
    made: str = request.setdefault(_REQUEST_ID, secrets.token_hex(8))
    return made


async def stamp_answer(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler of every answer just before its headers leave, websockets and files included."""
    response.headers[REQUEST_ID_HEADER] = request_id(request)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into the envelope, and log the request without what its URL keeps secret."""
    began = time.perf_counter()
    response = await _answer(request, handler)
    if request.content.exception() is not None:  # of a body that broke: what follows it is no request
        response.force_close()
    took = (time.perf_counter() - began) * 1000
    logger.debug("%s %s %s %.1f ms [%s]", request.method, _pattern(request), response.status, took, request_id(request))
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ServiceError as error:
        return refusal(error.status, error.error_code, error.message)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _http_error(request, error)
    except Exception as error:
        if isinstance(error, ClientConnectionResetError) or (isinstance(error, ConnectionError) and _is_gone(request)):
            logger.debug("%s %s: the client went away [%s]", request.method, _pattern(request), request_id(request))
            return refusal(503, "unavailable", "the client went away")  # reaches nobody
        logger.exception("%s %s failed [%s]", request.method, _pattern(request), request_id(request))
        message = f"the server failed; its log says more under request {request_id(request)}"
        return refusal(500, "internal_error", message)


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    match error:
        case web.HTTPNotFound() if why := hosted_only(request.path):
            return refusal(400, "not_offered", why)
        case web.HTTPNotFound():
            return refusal(404, "not_found", f"no such path: {request.path}")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            response = refusal(405, "method_not_allowed", f"{request.path}: expected {allowed}, got {request.method}")
            response.headers[hdrs.ALLOW] = allowed
            return response
        case web.HTTPRequestEntityTooLarge():
            return refusal(413, "too_large", error.text or "the body is too large")
        case _:
            return refusal(error.status, "invalid_request", error.reason)


def _pattern(request: web.Request) -> str:
    """The route's pattern: the path itself may hold a token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(unknown path)"


def within_deadline(access: Mapping[web.AbstractRoute, Access], seconds: float) -> Middleware:
    """A middleware that ends a call of the API after `seconds` with a 503: official clients give up soon after."""

    @web.middleware
    async def end_late_calls(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _access(access, request) not in (Access.KEY, Access.CLIENT):
            return await handler(request)
        try:
            async with asyncio.timeout(seconds) as deadline:
                return await handler(request)
        except TimeoutError:
            if not deadline.expired():
                raise
            return refusal(503, "unavailable", f"this took longer than {seconds:g} s and was given up")

    return end_late_calls


def admit(
    access: Mapping[web.AbstractRoute, Access], api_key: str | None, is_token: Callable[[str], bool] = lambda _: False
) -> Middleware:
    """A middleware that asks for the key, or, where none is set, refuses what a web page elsewhere has sent.

    A server without a key listens on loopback only, but every page in the user's browser can reach that too: by a name
    of its own that resolves to 127.0.0.1, which `Host` betrays, or across sites, which `Origin` betrays.
    """
    check = _check_local if api_key is None else _key_check(api_key, is_token)

    @web.middleware
    async def admit_or_refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = check(request, _access(access, request))
        return await handler(request) if refused is None else refused

    return admit_or_refuse


def _access(access: Mapping[web.AbstractRoute, Access], request: web.Request) -> Access:
    return access.get(request.match_info.route, Access.KEY)


def _check_local(request: web.Request, access: Access) -> web.Response | None:
    if not is_loopback(_host_name(f"//{request.host}")):
        return refusal(403, "forbidden_host", f"this server answers on loopback only, not as {request.host!r}")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and access is not Access.CAPABILITY and not is_loopback(_host_name(origin)):
        return refusal(403, "forbidden_origin", f"pages of {origin!r} may not use this server, which has no key set")
    return None


def _key_check(api_key: str, is_token: Callable[[str], bool]) -> Callable[[web.Request, Access], web.Response | None]:
    expected = api_key.encode()

    def check(request: web.Request, access: Access) -> web.Response | None:
        if access in (Access.CAPABILITY, Access.OPEN):
            return None
        given = request.headers.get(KEY_HEADER)
        # A browser adds the password by itself, to what pages of other sites send as well; a header of its own, which
        # they cannot send without being asked for, says that it is this server's page that calls.
        if given is None and (access is Access.BROWSER or PAGE_HEADER in request.headers):
            given = _basic_password(request.headers.get(hdrs.AUTHORIZATION, ""))
        if given is not None and hmac.compare_digest(given.encode(errors="replace"), expected):
            return None
        if given is not None and access is Access.CLIENT and is_token(given):
            return None
        if given is None:
            response = refusal(401, "unauthorized", f"no API key: send it in the header {KEY_HEADER}")
        else:
            response = refusal(401, "unauthorized", "this API key is not the one this server was started with")
        if access is Access.BROWSER:
            response.headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="aiortstream: any name, and the API key as password"'
        return response

    return check


def _basic_password(header: str) -> str | None:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return None


def _host_name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without brackets, can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
