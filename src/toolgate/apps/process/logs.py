"""How the log is written: as lines for people, or as one JSON object a line for programs."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

LogFormat: TypeAlias = Literal["text", "json"]

_LINES: Final = "%(asctime)s %(levelname)s %(message)s"


class JsonLines(logging.Formatter):
    """`time`, `level`, `logger`, `message`, and of a request what `access_log` tells of it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever was said: a path may hold line breaks, or half a character."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "request", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


def set_up_log(form: LogFormat) -> None:
    """To stderr; where the program's log is set up already, as under a test, it stays so."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(_LINES))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
