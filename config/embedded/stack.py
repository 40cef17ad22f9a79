"""The product's parts, in order: PostgreSQL, Redis, model, then web and worker on top of them."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg

import config
from config.embedded import credentials, dotenv, local_model, postgres, redis
from config.embedded.choice import Choice
from config.embedded.datadir import DataDir
from config.embedded.errors import EmbeddedError
from config.embedded.ports import LOOPBACK, Ports, is_free
from config.embedded.process import Child, Program
from config.embedded.supervisor import Part, Supervisor
from teams import roles

PROJECT = Path(config.__file__).parent.parent
STOP_ORDER = ("web", "worker", "model", "redis", "postgres")
_DRAIN_SECONDS = 35.0  # the worker hands its runs back within DRAIN_SECONDS (25 by default)

# What web and worker never get: they log in as atb_app, and a leaked process must not own the tables.
_WITHHELD = ("DATABASE_ADMIN_URL", "DATABASE_OWNER_URL")


class Stack:
    """One installation: which parts it has, their addresses, and how they are started."""

    def __init__(self, choice: Choice, data: DataDir, supervisor: Supervisor, environment: Mapping[str, str]) -> None:
        """Choose ports and credentials; raises EmbeddedError when PORT is taken."""
        self.choice = choice
        self.local_model = False
        self._data = data
        self._supervisor = supervisor
        self._environment = dict(environment)
        self._secrets = credentials.load(data.secrets)
        self._ports = Ports(data.ports)
        self._product: dict[str, str] = {
            **credentials.chosen(self._secrets, environment),
            "DATA_DIR": str(data.root),
        }
        if choice.port and not is_free(choice.port):
            raise EmbeddedError(
                f"Port {choice.port} is taken. Choose another one with PORT=8001, or PORT=0 for any that is free."
            )
        self.port = choice.port or self._ports.choose("web")

    @property
    def address(self) -> str:
        """Where the product is reached."""
        return f"http://{LOOPBACK}:{self.port}"

    def start_services(self) -> None:
        """Start PostgreSQL, Redis and the model, each unless it runs elsewhere, and make the database's roles."""
        admin_url = self._start_postgres()
        self._start_redis()
        self._start_model()
        self._supervisor.await_ready("postgres")
        if admin_url:
            self._make_roles(admin_url)

    def prepare(self, *, neighbour: bool) -> dict[str, str]:
        """Migrate as the tables' owner, make the demo tenant, and return its login and API key.

        With `neighbour` also a key of a second tenant.
        """
        environment = {**self._environment, **self._product, "READ_EMBEDDED_ENV": "false"}
        words = (str(self._data.demo_password), *(("--neighbour",) if neighbour else ()))
        printed = self._supervisor.run((*_module("config.embedded.prepare"), *words), environment, PROJECT)
        return dict(json.loads(printed))

    def start_product(self) -> None:
        """Start web and worker; from here on `manage.py` with the same DATA_DIR finds the services."""
        dotenv.write(self._data.environment, self._product, "written while the embedded services run")
        base = {name: value for name, value in self._environment.items() if name not in _WITHHELD}
        base |= {name: value for name, value in self._product.items() if name not in _WITHHELD}
        base |= {"READ_EMBEDDED_ENV": "false", "PYTHONUNBUFFERED": "1"}
        self._start("worker", self._worker(base), lambda child: child.has_logged(" is ready with "))
        self._start("web", self._web(base), lambda _: local_model.get_json(f"{self.address}/health/ready") is not None)
        self._supervisor.await_ready("redis", "model", "worker", "web")

    @property
    def has_model(self) -> bool:
        """Whether any model is configured."""
        return self.local_model or bool(self.choice.model_url)

    def _make_roles(self, admin_url: str) -> None:
        try:
            roles.apply(admin_url, self._product["DATABASE_URL"], self._product["DATABASE_OWNER_URL"])
        except (psycopg.Error, ValueError) as error:
            raise EmbeddedError(f"The database roles could not be made: {error}") from error

    def _start(self, name: str, program: Program, ready: Callable[[Child], bool]) -> None:
        child = Child(program, self._data.pid_file(name))
        before = None
        if name == "postgres":
            before = self._release_cluster
        self._supervisor.start(Part(child, lambda: ready(child), before_restart=before))

    def _release_cluster(self) -> None:
        postgres.system_user(self._data.root)  # once more: permissions may have been tightened meanwhile
        postgres.release(self._data.cluster, self._supervisor.pause)

    def _start_postgres(self) -> str:
        """Return the administrator's address ("" when roles are somebody else's business)."""
        if self.choice.database_url:
            self._product |= {"DATABASE_URL": self.choice.database_url, "DATABASE_OWNER_URL": self.choice.owner_url}
            return self.choice.admin_url
        port, known = self._ports.choose("postgres"), self._secrets
        user = postgres.system_user(self._data.root)
        postgres.create(self._data.cluster, known["POSTGRES_PASSWORD"], user)
        self._release_cluster()
        admin_url = postgres.url(postgres.SUPERUSER, known["POSTGRES_PASSWORD"], port, "postgres")
        program = postgres.program(self._data.cluster, port, self._data.log("postgres"), user)
        self._start("postgres", program, lambda _: postgres.answers(admin_url))
        self._product["DATABASE_URL"] = postgres.url("atb_app", known["APP_PASSWORD"], port)
        self._product["DATABASE_OWNER_URL"] = postgres.url("atb_owner", known["OWNER_PASSWORD"], port)
        return admin_url

    def _start_redis(self) -> None:
        if self.choice.redis_url:
            self._product["REDIS_URL"] = self.choice.redis_url
            return
        port, password = self._ports.choose("redis"), self._secrets["REDIS_PASSWORD"]
        address = redis.url(password, port)
        program = redis.program(self._data.run, port, password, self._data.log("redis"))
        self._start("redis", program, lambda _: redis.answers(address))
        self._product["REDIS_URL"] = address

    def _start_model(self) -> None:
        if self.choice.model_url:
            self._product["OPENAI_BASE_URL"] = self.choice.model_url
            self._product["OPENAI_API_KEY"] = self.choice.model_key
            if self.choice.default_model:
                self._product["DEFAULT_MODEL"] = self.choice.default_model
            return
        file = local_model.weights()
        if file is None:
            self._product["OPENAI_API_KEY"] = ""
            return
        port, api_key = self._ports.choose("model"), self._secrets["MODEL_API_KEY"]
        program = local_model.program(file, port, api_key, self._data.log("model"), self._environment)
        self._start("model", program, lambda _: local_model.answers(port))
        self._product["OPENAI_BASE_URL"] = local_model.base_url(port)
        self._product["OPENAI_API_KEY"] = api_key
        self._product["DEFAULT_MODEL"] = self.choice.default_model or local_model.REFERENCE
        self.local_model = True

    def _worker(self, environment: Mapping[str, str]) -> Program:
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO")
        return Program(
            name="worker",
            argv=(*_module("celery"), "-A", "config", "worker", "--pool", "threads", *quiet),
            env={
                **environment,
                "WORKER_SLOTS": str(self.choice.worker_slots),
                "DB_APPLICATION_NAME": "agent-team-builder worker",
            },
            log=self._data.log("worker"),
            cwd=PROJECT,
            patience=_DRAIN_SECONDS,
        )

    def _web(self, environment: Mapping[str, str]) -> Program:
        place = ("--host", LOOPBACK, "--port", str(self.port), "--timeout-graceful-shutdown", "5")
        return Program(
            name="web",
            argv=(*_module("uvicorn"), "config.asgi:application", *place),
            env={**environment, "DB_APPLICATION_NAME": "agent-team-builder web"},
            log=self._data.log("web"),
            cwd=PROJECT,
        )


def _module(name: str) -> tuple[str, ...]:
    """How to run an installed module; the project's folder is found through the working directory."""
    return (sys.executable, "-m", name)
