"""The official SDK's module name for its errors, so that `from ...exceptions import InvalidRequestError` ports."""

from aiortstream.errors import (
    AuthenticationError,
    InvalidRequestError,
    RequestTimeoutError,
    SearchError,
    VideodbError,
)

__all__ = ["AuthenticationError", "InvalidRequestError", "RequestTimeoutError", "SearchError", "VideodbError"]
