"""Settings of the whole product: one file, every value from the environment through django-environ.

The real environment wins. What it leaves open is read from ``DATA_DIR/run/env``, which the embedded
services write while they run, so that any ``manage.py`` command with the same ``DATA_DIR`` talks to them.
``.env.example`` lists the names; a missing secret or an unsafe database role is a system check (teams/checks.py).
"""

from pathlib import Path
from typing import Any

import environ

from teams import logs

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
_embedded_env = DATA_DIR / "run" / "env"
if env.bool("READ_EMBEDDED_ENV", default=True) and _embedded_env.is_file():
    environ.Env.read_env(str(_embedded_env))

# --- Django itself -------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False  # API paths have no trailing slash; the admin adds its own (AdminSite.final_catch_all_view)
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["config.formats"]  # times as everywhere in the product: 2026-11-27 10:40 UTC
LANGUAGE_CODE = "en-us"

INSTALLED_APPS = [
    "teams",
    "agents",
    "executions",
    "console",
    "unfold.apps.BasicAppConfig",  # the admin's look; before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "config.apps.AdminConfig",  # django.contrib.admin with our site: every view runs inside the chosen tenant
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "simple_history",
]

MIDDLEWARE = [
    "console.observed.observed",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "teams.middleware.content_security_policy",
    "teams.middleware.body_limit",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- The admin's look: django-unfold, see docs/decisions/0007 --------------------------------------------------------
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Agent Team Builder",
    "SITE_HEADER": "Agent Team Builder",
    "SITE_SUBHEADER": "teams.adminbase.tenant_title",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "console.navigation.favicon"}],
    "SHOW_HISTORY": False,  # our own link knows who may look (teams/modeladmin.py)
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": ["console.navigation.styles"],
    "SCRIPTS": ["console.navigation.keyboard_script", "console.navigation.once_script"],
    "DASHBOARD_CALLBACK": "console.dashboard.context",
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "console.navigation.sidebar",
    },
    "ACCOUNT": {"navigation": "console.navigation.account"},
    "COMMAND": {"search_callback": "console.navigation.found"},
}

# --- Databases: the product logs in as atb_app; migrations alone use the owner (`manage.py migrate` picks it) --------
DB_POOL_SIZE = env.int("DB_POOL_SIZE", default=16)


def _database(url: str, *, pooled: bool) -> dict[str, Any]:
    """Return one DATABASES entry; pooled connections are given back after each unit of work (durability rule 8)."""
    config: dict[str, Any] = dict(env.db_url_config(url))
    config["ENGINE"] = "teams.postgresql"  # Django's, on a pool that gets over a restart at once
    config["CONN_MAX_AGE"] = 0
    options: dict[str, Any] = {
        **config.get("OPTIONS", {}),
        "connect_timeout": 5,
        "application_name": env.str("DB_APPLICATION_NAME", default="agent-team-builder"),
    }
    if pooled and DB_POOL_SIZE > 0:
        options["pool"] = {"min_size": 1, "max_size": DB_POOL_SIZE, "timeout": 15, "max_idle": 120}
    config["OPTIONS"] = options
    return config


DATABASE_URL = env.str("DATABASE_URL", default="postgresql://atb_app@127.0.0.1:5432/agentteambuilder")
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default="")
DATABASE_ADMIN_URL = env.str("DATABASE_ADMIN_URL", default="")
DATABASES = {"default": _database(DATABASE_URL, pooled=True)}
if DATABASE_OWNER_URL:
    DATABASES["owner"] = _database(DATABASE_OWNER_URL, pooled=False)

# --- Redis and Celery: a doorbell, never the truth --------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
# Each installation on a shared Redis has its own prefix, so that two never ring each other's workers.
REDIS_PREFIX = env.str("REDIS_PREFIX", default="atb")
WORKER_SLOTS = env.int("WORKER_SLOTS", default=128)

# --- Who may do what --------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["teams.adminbase.PasswordBackend", "teams.access.MembershipBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
API_KEY_PEPPER = env.str("API_KEY_PEPPER", default="")
# Seals secrets at rest: id:base64 of 32 bytes, comma separated; the first seals, the others still open.
ENCRYPTION_KEYS = env.str("ENCRYPTION_KEYS", default="")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=False)
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"  # who signs in without having asked for a page

TENANCY_ALLOW_OUTER_ATOMIC = False  # tests alone wrap everything in one transaction (tests/conftest.py)

# --- Teams, agents, models --------------------------------------------------------------------------------------------
TEAM_SPEC_CHECKS = ["agents.checks.check_providers", "agents.checks.check_tools"]
TEAM_BUILDER = "agents.building.fill"
TEAM_BUILDER_DEADLINE_SECONDS = env.float("TEAM_BUILDER_DEADLINE_SECONDS", default=10.0)  # to ask a model for agents
CONFIG_MAX_BYTES = 1_000_000
# The team editor sends some 25 fields for each of up to 50 agents.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("BODY_MAX_BYTES", default=2_000_000)

OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="https://api.openai.com/v1")
OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
DEFAULT_MODEL = env.str("DEFAULT_MODEL", default="openai:gpt-4o-mini")
ALLOW_MODEL_REQUESTS = env.str("ALLOW_MODEL_REQUESTS", default="all")
# What embeds texts, as provider:model; `local` is the small model of the extra [embeddings], on this machine.
EMBEDDING_MODEL = env.str("EMBEDDING_MODEL", default="local:all-MiniLM-L6-v2")
# host:port pairs that tools and webhooks may reach though they are not on the open internet
OUTBOUND_ALLOW: list[str] = env.list("OUTBOUND_ALLOW", default=[])


def _provider(name: str, label: str, base_url: str, *, needs_key: bool = True, **more: Any) -> dict[str, Any]:
    """Return one entry of LLM_PROVIDERS; NAME_BASE_URL and NAME_API_KEY of the environment are its address and key."""
    variable = name.upper()
    return {
        "label": label,
        "base_url": env.str(f"{variable}_BASE_URL", default="") or base_url,
        "base_url_variable": f"{variable}_BASE_URL",
        "api_key": env.str(f"{variable}_API_KEY", default=""),
        "key_variable": f"{variable}_API_KEY" if needs_key else "",
        **more,
    }


# What agents/providers.py reads; agents/provider_entries.py says what an entry is made of. Prices are USD per million
# tokens (in, out); a model that is not listed has no price. An operator adds and overrides in LLM_PROVIDERS_FILE.
LLM_PROVIDERS_FILE = env.str("LLM_PROVIDERS_FILE", default="")
LLM_PROVIDERS: dict[str, dict[str, Any]] = {
    "openai": _provider(
        "openai",
        "OpenAI or any compatible endpoint",
        OPENAI_BASE_URL,
        models={
            "gpt-4o": {"context_tokens": 128_000, "price": ("2.50", "10.00")},
            "gpt-4o-mini": {"context_tokens": 128_000, "price": ("0.15", "0.60")},
            "gpt-4.1": {"context_tokens": 1_047_576, "price": ("2.00", "8.00")},
            "gpt-4.1-mini": {"context_tokens": 1_047_576, "price": ("0.40", "1.60")},
            "gpt-4.1-nano": {"context_tokens": 1_047_576, "price": ("0.10", "0.40")},
            "smollm2-135m-instruct": {"context_tokens": 8_192, "price": ("0", "0")},  # the embedded demo model
        },
    ),
    "anthropic": _provider(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com",
        langchain={
            "class": "agents.anthropic_chat.AnthropicChat",
            "package": "langchain_anthropic",
            "extra": "anthropic",
        },
        parameters=["temperature", "top_p", "max_tokens", "stop", "tools", "tool_choice"],
        extra_body={"max_tokens": 4096},  # Anthropic wants a limit with each request; every model takes this one
        context_tokens=200_000,
        models={
            "claude-opus-4-5": {"price": ("5.00", "25.00")},
            "claude-sonnet-4-5": {"price": ("3.00", "15.00")},
            "claude-haiku-4-5": {"price": ("1.00", "5.00")},
        },
    ),
    "featherless": _provider("featherless", "Featherless", "https://api.featherless.ai/v1"),
    "openrouter": _provider("openrouter", "OpenRouter", "https://openrouter.ai/api/v1"),
    "groq": _provider("groq", "Groq", "https://api.groq.com/openai/v1"),
    "mistral": _provider("mistral", "Mistral", "https://api.mistral.ai/v1"),
    "together": _provider("together", "Together", "https://api.together.xyz/v1"),
    # Yours: no address is right for all, and their servers ask for a key only when told to. Ollama reads 4,096 tokens
    # unless OLLAMA_CONTEXT_LENGTH says otherwise there, and cuts what is longer without a word.
    "ollama": _provider("ollama", "Ollama", "", needs_key=False, context_tokens=4_096),
    "vllm": _provider("vllm", "vLLM", "", needs_key=False),
}

# --- Executions -------------------------------------------------------------------------------------------------------
EXECUTE_WAIT_SECONDS = env.float("EXECUTE_WAIT_SECONDS", default=30.0)
LEASE_SECONDS = env.float("LEASE_SECONDS", default=15.0)
HEARTBEAT_SECONDS = env.float("HEARTBEAT_SECONDS", default=5.0)
REAP_SECONDS = env.float("REAP_SECONDS", default=1.0)
DRAIN_SECONDS = env.float("DRAIN_SECONDS", default=25.0)
LLM_TIMEOUT_SECONDS = env.float("LLM_TIMEOUT_SECONDS", default=120.0)
RUN_TIMEOUT_SECONDS = env.float("RUN_TIMEOUT_SECONDS", default=3600.0)
APPROVAL_SECONDS = env.float("APPROVAL_SECONDS", default=7 * 86_400.0)  # how long a run waits for a person's decision
CONTEXT_OVERFLOW = env.str("CONTEXT_OVERFLOW", default="cut")  # or summary: docs/providers.md
RETRY_MAX_TRIES = env.int("RETRY_MAX_TRIES", default=3)
# What the reaper does each second besides reaping; each returns how much it did.
REAPER_JOBS = ["executions.scheduling.fire_due"]
# A provider that failed so often in a row is left alone, from this long on up to a minute. 0 failures: never.
BREAKER_FAILURES = env.int("BREAKER_FAILURES", default=5)
BREAKER_PAUSE_SECONDS = env.float("BREAKER_PAUSE_SECONDS", default=5.0)
# Threads of a worker beside heartbeat and reaper.
WORKER_SERVICES = ["executions.sending.Sender", "executions.notify.Notifier"]
NOTIFY_SECONDS = env.float("NOTIFY_SECONDS", default=5.0)
# No mail is sent until EMAIL_URL names a server: smtp+tls://user:password@mail.example.com:587
EMAIL_CONFIG: dict[str, Any] = env.email_url("EMAIL_URL", default="dummymail://")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(EMAIL_CONFIG.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(EMAIL_CONFIG.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="agent-team-builder@localhost")
# Where people reach the admin, for links in mails.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000")
WEBHOOK_SECONDS = env.float("WEBHOOK_SECONDS", default=1.0)
TENANT_RUN_LIMIT = env.int("TENANT_RUN_LIMIT", default=1000)

# Requests a minute; 0: no limit. The last is for requests with a bad API key, by the client's address.
RATE_LIMIT_PER_KEY = env.int("RATE_LIMIT_PER_KEY", default=600)
RATE_LIMIT_PER_TENANT = env.int("RATE_LIMIT_PER_TENANT", default=3000)
RATE_LIMIT_BAD_KEYS = env.int("RATE_LIMIT_BAD_KEYS", default=30)

# --- Web --------------------------------------------------------------------------------------------------------------
# Requests one web process works on at once; more wait. Threads are made when needed, and async views need none.
WEB_THREADS = env.int("WEB_THREADS", default=64)
WEB_WAITING_THREADS = env.int("WEB_WAITING_THREADS", default=256)  # for requests that wait for a run or a model

# --- API --------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["teams.access.ApiKeyAuthentication", "teams.access.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["teams.access.ScopePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["teams.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "teams.api_schema.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is answered 405: the OpenAPI document says more
    "EXCEPTION_HANDLER": "teams.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AI Team Builder Agent Service",
    "DESCRIPTION": "Design teams of LLM agents, run them durably, and trust them. See docs/api.md.",
    "VERSION": "2.0",
    "OAS_VERSION": "3.1.0",  # the team config's schema is pydantic's, which is written in the JSON Schema of 3.1
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "string", "format": "uuid"}},
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {"AdditionKindEnum": ["default", "flow", "recommended", "model"]},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}

# --- Static files, logs -----------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
WHITENOISE_USE_FINDERS = True  # no collectstatic needed in embedded mode; the container image collects

LOG_FORMAT = env.str("LOG_FORMAT", default="line")  # or json
LOGGING = logs.configuration(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"))

# --- Metrics and traces: docs/operations.md ---------------------------------------------------------------------------
METRICS_ENABLED = env.bool("METRICS_ENABLED", default=False)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS_TENANTS = env.bool("METRICS_TENANTS", default=False)
METRICS_WORKER_PORT = env.int("METRICS_WORKER_PORT", default=0)
METRICS_WORKER_HOST = env.str("METRICS_WORKER_HOST", default="127.0.0.1")
OTEL_ENABLED = env.bool(
    "OTEL_ENABLED",
    default=bool(
        env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="") or env.str("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", default="")
    ),
)
OTEL_CAPTURE_CONTENT = env.bool("OTEL_CAPTURE_CONTENT", default=False)
