"""What the models of one gateway share, and what outlives a change of its settings."""

import asyncio
import os

from toolgate.apps.http.metrics import Metrics
from toolgate.apps.protocols.response_store import ResponseStore
from toolgate.apps.serving.loss_watch import LossWatch
from toolgate.apps.serving.recorder import open_recorder
from toolgate.apps.settings.config import Config
from toolgate.apps.telemetry.telemetry import Silence, open_telemetry
from toolgate.engines.memory.turns import open_memory


class SharedState:
    """Counters, remembered turns, kept responses, recordings, and whom they are told to."""

    def __init__(self, config: Config | None = None) -> None:
        """Raises: ConfigError."""
        config = config or Config()
        self.metrics = Metrics()
        self.losses = LossWatch()
        self.responses = ResponseStore()
        self.store_url = config.store_url
        self.memory = open_memory(config.store_url)
        self.recorder = open_recorder(config, self.metrics.count_trace)
        self.telemetry = open_telemetry(config, os.environ)

    async def close(self) -> None:
        """Lets go of the memory; writes the recordings, and sends the telemetry, that wait."""
        await self.memory.close()
        if self.recorder.on:
            await asyncio.to_thread(self.recorder.close)
        if not isinstance(self.telemetry, Silence):
            await asyncio.to_thread(self.telemetry.close)
