"""What an embedded server can be told, with a reason beside each default. Durations are seconds, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiortstream.errors import InvalidArgumentError
from aiortstream.local.ai.settings import ModelSettings
from aiortstream.local.deliver.jobs import JobLimits
from aiortstream.local.deliver.limits import HubLimits
from aiortstream.local.ingest.source import FileSources
from aiortstream.local.profile import Profile
from aiortstream.local.reach import Reach
from aiortstream.local.routes.middlewares import is_loopback
from aiortstream.local.services.uploads import UploadLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Settings of one embedded server."""

    host: str = "127.0.0.1"
    """Where it listens. Outside loopback only with an `api_key`."""
    port: int = 0
    """0 takes a free one."""
    data_dir: Path | None = None
    """What it records and knows; None is a temporary folder that is deleted when the server closes."""
    api_key: str | None = field(default=None, repr=False)
    """What clients must send as `x-access-token`. None, on loopback only, takes whatever they send."""
    public_url: str | None = None
    """How clients reach it, if that is not the address it listens on: a proxy's URL, or a name for 0.0.0.0."""
    profile: Profile = field(default_factory=Profile)
    """Which side to take where sources disagree about the hosted service."""
    models: ModelSettings = field(default_factory=ModelSettings)
    """Which models transcribe, describe, summarise, embed and judge."""
    webhook_secret: str | None = field(default=None, repr=False)
    """`whsec_...`: callbacks are signed with it, in the headers of Standard Webhooks. None sends no signature."""
    request_deadline: float = 25.0
    """A call of the API that takes longer is given up with a 503: the official client gives up after 30."""
    largest_body: int = 1024 * 1024
    """A larger request body is refused."""
    playback_lifetime: float = 86_400.0
    """How long playback URLs are good for."""
    ticket_lifetime: float = 300.0
    """How long a websocket URL can be opened."""
    hub: HubLimits = field(default_factory=HubLimits)
    """Bounds of the websockets, and of what is kept for those that come back."""
    jobs: JobLimits = field(default_factory=JobLimits)
    """Bounds of operations that outlive their request."""
    uploads: UploadLimits = field(default_factory=UploadLimits)
    """Bounds of files that are to be videos."""
    allow_files: Path | None = None
    """A folder whose media files may be sources, as `file://` or by path. None: all while it listens on loopback, and
    none beyond it, where whoever has the key would have every file that the server can read."""
    private_targets: bool | None = None
    """Whether callbacks and files to be fetched may be on loopback or in private networks. None: only while it listens
    on loopback itself, since beyond that whoever has the key could ask this machine's neighbours through it."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise InvalidArgumentError(f"port: expected 0 to 65535, got {self.port}")
        if self.api_key is not None and not self.api_key.strip():
            raise InvalidArgumentError("api_key: expected a key, got an empty one; leave it out for none")
        if self.api_key is None and not is_loopback(self.host):
            raise InvalidArgumentError(
                f"host: {self.host!r} can be reached from other machines, so an api_key is needed; "
                "listen on 127.0.0.1, or set one"
            )
        for name in ("request_deadline", "largest_body", "playback_lifetime", "ticket_lifetime"):
            if getattr(self, name) <= 0:
                raise InvalidArgumentError(f"{name}: expected more than 0, got {getattr(self, name)}")
        if self.public_url is not None and not self.public_url.startswith(("http://", "https://")):
            raise InvalidArgumentError(f"public_url: expected an http:// or https:// URL, got {self.public_url!r}")

    @property
    def files(self) -> FileSources:
        """Which files of this machine may be sources."""
        return FileSources(self.allow_files is not None or is_loopback(self.host), self.allow_files)

    @property
    def reach(self) -> Reach:
        """Where callbacks go and files are fetched from."""
        return Reach(is_loopback(self.host) if self.private_targets is None else self.private_targets)

    @classmethod
    def models_from_environment(cls, environment: Mapping[str, str]) -> ModelSettings:
        """The model settings in the environment; InvalidArgumentError says which variable is wrong."""
        try:
            return ModelSettings.from_environment(environment)
        except ValueError as error:
            raise InvalidArgumentError(str(error)) from error
