"""What the routes call: plain arguments or wire requests in, wire answers out, `ServiceError` for what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortstream.local.ingest.source import ALL_FILES
from aiortstream.local.services.alerts import AlertService
from aiortstream.local.services.captures import CaptureService
from aiortstream.local.services.collections import CollectionService
from aiortstream.local.services.deliveries import DeliveryService
from aiortstream.local.services.indexes import IndexService
from aiortstream.local.services.moments import Moments
from aiortstream.local.services.overview import Overview
from aiortstream.local.services.search import SearchService
from aiortstream.local.services.spoken import SpokenService
from aiortstream.local.services.streams import StreamService
from aiortstream.local.services.thumbnails import ThumbnailService
from aiortstream.local.services.transcripts import TranscriptService
from aiortstream.local.services.understandings import UnderstandingService
from aiortstream.local.services.uploads import UploadLimits, UploadService
from aiortstream.local.services.video_search import VideoSearchService
from aiortstream.local.services.videos import VideoService

if TYPE_CHECKING:
    from pathlib import Path

    from aiortstream.local.ingest.source import FileSources
    from aiortstream.local.ports import Models, Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.reach import Reach
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database


class Services:
    """One service a noun."""

    def __init__(
        self,
        db: Database,
        manager: StreamManager,
        models: Models,
        urls: Urls,
        profile: Profile,
        data_dir: Path,
        uploads: UploadLimits | None = None,
        *,
        reach: Reach | None = None,
        files: FileSources = ALL_FILES,
    ) -> None:
        self.collections = CollectionService(db)
        self.streams = StreamService(db, manager, urls, profile, data_dir, files)
        self.captures = CaptureService(db, manager, self.streams, urls)
        self.transcripts = TranscriptService(db, manager, models)
        self.indexes = IndexService(db, manager, models)
        self.understandings = UnderstandingService(db, manager, models)
        self.alerts = AlertService(db, manager, urls)
        self.deliveries = DeliveryService(db, manager.outbox)
        self.moments = Moments(db)
        self.overview = Overview(db, manager)
        self.search = SearchService(db, models)
        self.thumbnails = ThumbnailService(db, urls, data_dir)
        self.videos = VideoService(db, urls, data_dir, self.thumbnails)
        self.uploads = UploadService(db, urls, self.videos, data_dir, uploads, reach=reach)
        self.spoken = SpokenService(db, models, self.videos)
        self.video_search = VideoSearchService(db, models)
