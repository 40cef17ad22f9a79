"""Credentials go, ordinary words stay, the shape of a value is kept, and no text takes long."""

import time

import pytest

from teams.redact import DEEPEST, REDACTED, redacted, redacted_text

LETTERS = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xYz"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7x\n-----END RSA PRIVATE KEY-----"

GOES = {
    "our own key": (f"use tb_live_k3v0x1p2qa_{LETTERS}", LETTERS),
    "OpenAI": (f"Incorrect API key provided: sk-proj-{LETTERS}.", LETTERS),
    "Anthropic": (f"sk-ant-api03-{LETTERS}", LETTERS),
    "OpenRouter in quotes": (f'"sk-or-v1-{LETTERS}"', LETTERS),
    "Groq": (f"gsk_{LETTERS}", LETTERS),
    "xAI": (f"xai-{LETTERS}", LETTERS),
    "Stripe": (f"sk_live_{LETTERS}", LETTERS),
    "Google": (f"https://maps.example/?x=AIza{LETTERS}", LETTERS),
    "AWS": ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
    "GitHub": (f"git clone https://ghp_{LETTERS}@github.com/a/b", LETTERS),
    "Slack": (f"xoxb-123456789012-{LETTERS}", LETTERS),
    "Hugging Face": (f"hf_{LETTERS}", LETTERS),
    "Google OAuth": (f"ya29.{LETTERS}", LETTERS),
    "SendGrid": (f"SG.{LETTERS}.{LETTERS}", LETTERS),
    "bearer": (f"curl -H 'Authorization: Bearer {LETTERS}'", LETTERS),
    "bearer alone": ("bearer abc123def456", "abc123def456"),
    "loud bearer": ("BEARER ABC123DEF456", "ABC123DEF456"),
    "basic": ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    "header as JSON": ('{"Authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
    "cookie": ("Cookie: sessionid=38afes7a8; csrftoken=u32t4o3tb3gg43\nHost: x", "38afes7a8"),
    "JWT": (f"token is {JWT}, thanks", JWT[25:]),
    "password in an address": ("postgresql://app:hunter2@db:5432/x", "hunter2"),
    "password without a user": ("redis://:hunter2@cache:6379/0", "hunter2"),
    "password with an at sign": ("amqp://app:hun@ter2@mq/", "hun@ter2"),
    "private key": (f"here:\n{PEM}\nbye", "MIIEpAIBAAKCAQEA7x"),
    "private key cut short": (PEM[:45], "MIIEpAIBAAK"),
    "PGP": ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----", "lQOYBF"),
    "query": ("https://x.example/a?api_key=abcdef123&b=1", "abcdef123"),
    "environment": ("export OPENAI_API_KEY=abcdefghijkl", "abcdefghijkl"),
    "assignment": ("password = hunter22", "hunter22"),
    "quoted assignment": ("token='abcdefgh'", "abcdefgh"),
    "JSON": ('{"client_secret": "shhh-quiet"}', "shhh-quiet"),
    "JSON in JSON": (r'"{\"password\": \"hunter22\", \"a\": 1}"', "hunter22"),
    "Azure": ("AccountName=x;AccountKey=abc/def+ghi==;", "abc/def"),
}

STAYS = [
    "The bearer of bad news came with basic understanding.",
    "Bearer authentication is described in RFC 6750: clients send a token.",
    "scikit-learn (sk-learn) and risk-averse-people-with-long-names-2024",
    "The task-based approach: disk-usage-of-the-last-24-hours was high",
    "max_tokens=4096, tokens: 12, token_count=7 and key: value",
    "password: must have twelve characters or more",
    "Use password=get_password() and token=os.environ['TOKEN']",
    "secretary=Miranda is not a secret",
    "https://example.com:8443/a@b?c=d and http://localhost:8000, write to bob@example.com",
    "idempotency_key=3f2c9a7e-1111-4222-8333-444455556666",
    "r1/Critic/llm0/tool0:Call_Web_API",
    "3f2c9a7e-1111-4222-8333-444455556666",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "Cookie: a biscuit",
    "authorization: required for this page",
    "eyJ is how a JWT begins",
    "keyboard, monkey, tokenization, Sekretär, 秘密, naïve",
]


@pytest.mark.parametrize("case", GOES)
def test_a_credential_goes(case: str) -> None:
    text, secret = GOES[case]
    clean = redacted_text(text)
    assert secret not in clean
    assert REDACTED in clean


@pytest.mark.parametrize("text", STAYS)
def test_ordinary_text_stays(text: str) -> None:
    assert redacted_text(text) == text


@pytest.mark.parametrize("case", GOES)
def test_doing_it_twice_changes_nothing_more(case: str) -> None:
    once = redacted_text(GOES[case][0])
    assert redacted_text(once) == once


def test_what_stands_around_it_stays() -> None:
    assert redacted_text(f"use tb_live_k3v0x1p2qa_{LETTERS} now") == "use tb_live_k3v0x1p2qa_[redacted] now"
    assert redacted_text("postgresql://app:hunter2@db:5432/x") == "postgresql://app:[redacted]@db:5432/x"
    assert redacted_text("a?api_key=abcdef123&b=1") == "a?api_key=[redacted]&b=1"
    assert redacted_text(f"here:\n{PEM}\nbye") == "here:\n[redacted]\nbye"


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "api_key", "X-API-Key", "apiKey", "authorization", "client_secret", "access_token",
     "token", "refreshToken", "db_password", "AWS_SECRET_ACCESS_KEY", "Set-Cookie", "private_key"],
)  # fmt: skip
def test_a_name_gives_its_value_away(name: str) -> None:
    assert redacted({name: "plain"}) == {name: REDACTED}


@pytest.mark.parametrize(
    "name",
    ["key", "tokens", "tokens_in", "max_tokens", "idempotency_key", "step_key", "public_key", "message", "secretary"],
)
def test_other_names_do_not(name: str) -> None:
    assert redacted({name: "plain"}) == {name: "plain"}


def test_the_shape_of_a_value_is_kept() -> None:
    value = {"credentials": {"user": "alice", "pins": [1234, None, True], "empty": ""}, "n": [1, 2.5, None, False]}
    assert redacted(value) == {
        "credentials": {"user": REDACTED, "pins": [REDACTED, None, True], "empty": ""},
        "n": [1, 2.5, None, False],
    }


def test_credentials_are_found_at_any_depth_and_in_names() -> None:
    value = {"a": [{"b": (f"sk-{LETTERS}",)}], f"sk-{LETTERS}": 1}
    assert redacted(value) == {"a": [{"b": [REDACTED]}], REDACTED: 1}


def test_what_was_handed_in_is_not_changed() -> None:
    value = {"password": "hunter22", "list": [f"sk-{LETTERS}"]}
    redacted(value)
    assert value == {"password": "hunter22", "list": [f"sk-{LETTERS}"]}


def test_known_secrets_go_wherever_they_stand() -> None:
    value = {"text": "open sesame, said Ali", "sesame": ["sesame"]}
    assert redacted(value, secrets=["sesame", "open sesame", "Ali"]) == {
        "text": "[redacted], said Ali",
        REDACTED: [REDACTED],
    }


def test_a_value_nested_without_end_is_cut() -> None:
    value: list[object] = ["bottom"]
    for _ in range(5000):
        value = [value]
    clean, depth = redacted({"deep": value, "password": value}), 0
    inner = clean["deep"]
    while isinstance(inner, list):
        inner, depth = inner[0], depth + 1
    assert (inner, depth) == (REDACTED, DEEPEST)


HARD = [
    "eyJ", "eyJaaaaaaaa.", "eyJaaaaaaaa.bbbb", "://a:", "://", "@:", "://:a@", "sk-", "sk-a", "bearer ", "bearer a",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-----END ", "-----BEGINPRIVATE KEY----------END", "password=",
    'password":"', 'token\\":\\"', "authorization: ", "cookie: a=", "ghp_", "a", "A-", "SG.", "AKIA",
    "tb_live_abcdefghij_", "token = ", "api_key", "api-", "xoxb-",
]  # fmt: skip


@pytest.mark.parametrize("piece", HARD)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    """A quadratic pattern takes a hundred times as long for ten times the text; CPU time, with room for noise."""

    def seconds(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size] + " "
        tries = []
        for _ in range(3):
            started = time.thread_time()
            redacted_text(text)
            tries.append(time.thread_time() - started)
        return min(tries)

    assert seconds(200_000) < 40 * seconds(20_000) + 0.05
