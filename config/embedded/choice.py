"""Which parts run here and which are somebody else's servers, read from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.embedded.errors import EmbeddedError

DEFAULT_PORT = 8000


@dataclass(frozen=True)
class Choice:
    """What a person decided through the environment. An address that is set leaves that part out."""

    data_dir: Path
    port: int  # 0: any free one
    database_url: str
    owner_url: str
    admin_url: str
    redis_url: str
    model_url: str
    model_key: str
    default_model: str
    worker_slots: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Choice":
        """Read the variables; raise EmbeddedError for what cannot be meant."""
        choice = cls(
            data_dir=Path(environment.get("DATA_DIR") or ".data"),
            port=_number(environment, "PORT", DEFAULT_PORT, range(65536)),
            database_url=environment.get("DATABASE_URL", ""),
            owner_url=environment.get("DATABASE_OWNER_URL", ""),
            admin_url=environment.get("DATABASE_ADMIN_URL", ""),
            redis_url=environment.get("REDIS_URL", ""),
            model_url=environment.get("OPENAI_BASE_URL", ""),
            model_key=environment.get("OPENAI_API_KEY", ""),
            default_model=environment.get("DEFAULT_MODEL", ""),
            worker_slots=_number(environment, "WORKER_SLOTS", 128, range(1, 10_000)),
        )
        if bool(choice.database_url) != bool(choice.owner_url):
            raise EmbeddedError(
                "Set DATABASE_URL (login atb_app) and DATABASE_OWNER_URL (login atb_owner, for migrations) together, "
                "or neither: then PostgreSQL is started here."
            )
        return choice

    @property
    def notices(self) -> list[str]:
        """What a person should know about variables that do not do what they may expect."""
        notices = []
        if self.model_key and not self.model_url:
            notices.append(
                "OPENAI_API_KEY is set but OPENAI_BASE_URL is not: your key is not used. "
                "For OpenAI itself set OPENAI_BASE_URL=https://api.openai.com/v1"
            )
        if self.default_model and not self.model_url:
            notices.append(
                "DEFAULT_MODEL is set but OPENAI_BASE_URL is not: the local demo model answers under that name"
            )
        if self.model_url and not self.default_model:
            notices.append("DEFAULT_MODEL is not set: openai:gpt-4o-mini is asked for at OPENAI_BASE_URL")
        return notices


def _number(environment: Mapping[str, str], name: str, default: int, allowed: range) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) not in allowed:
        raise EmbeddedError(f"{name}={text} is not a number from {allowed.start} to {allowed.stop - 1}")
    return int(text)
