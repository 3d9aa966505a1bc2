"""What a service refuses, with the HTTP status and the error code that a route answers with.

ServiceError
├── BadRequest         400 invalid_request         the request cannot be meant like that; the message names the field
├── Forbidden          403 forbidden               a link or a ticket that is wrong or has expired
├── NotFound           404 not_found               no such stream, index, event, alert, video, collection
├── UnsupportedMedia   415 unsupported_media_type  a body that is not in the form that is expected
└── Unavailable        503 unavailable             a part that this needs is missing or busy; the message says which
"""

# ruff: noqa: N818 - the names say what is answered.

from __future__ import annotations


class ServiceError(Exception):
    """Root of the tree; `message` is for people, `error_code` for programs."""

    status = 500
    error_code = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(ServiceError):
    """What was asked for cannot be done to anything."""

    status = 400
    error_code = "invalid_request"


class UnsupportedMedia(ServiceError):
    """The body is of another content type."""

    status = 415
    error_code = "unsupported_media_type"


class Forbidden(ServiceError):
    """A link or a ticket does not permit it."""

    status = 403
    error_code = "forbidden"


class NotFound(ServiceError):
    """What it was asked of does not exist."""

    status = 404
    error_code = "not_found"


class Unavailable(ServiceError):
    """A part of the server that this needs is missing or busy."""

    status = 503
    error_code = "unavailable"
