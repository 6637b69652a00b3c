# `make` alone lists the verbs. Everything runs in .venv, which `make setup` fills from the locked requirements.

PYTHON ?= python3
EVENTS ?= 100000
BIN := .venv/bin
KAFKA := $(BIN)/python infra/kafka/broker.py
READY := .venv/.ready
# Tests wait more than they compute: twice as many workers as two cores.
WORKERS ?= 4

# The tests start hundreds of processes, and each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt lint generate dbt validate any-order kafka-up kafka-down docs faults bench clean

help: ## show the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## install everything into .venv, by version and hash

$(READY): requirements/all.txt requirements/uv.txt pyproject.toml hatch_build.py $(wildcard rust/Cargo.* rust/src/*.rs)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is not there, or older than 3.11. Next: make setup PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ echo "error: this Python makes no environments. Next: install its venv module (Debian: apt install python3-venv)"; exit 2; }
	@echo "installing into .venv (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/all.txt requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## the whole way on this machine, with an account at the end (EVENTS=100000, CHAOS=1)
	@$(BIN)/ingest demo --events $(EVENTS) $(if $(filter-out 0 no false,$(CHAOS)),--chaos)

test: $(READY) ## every test; the real Kafka's need Java 17 and Maven, and are skipped visibly without
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: lint test ## what CI runs: both, and the guard of the consumer's speed
	@$(MAKE) --no-print-directory bench SHORT=1

fmt: $(READY) ## format Python and SQL
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/sqlfluff fix --quiet dbt_project/models dbt_project/tests
	! command -v cargo > /dev/null || { cd rust && cargo fmt; }

lint: $(READY) ## ruff, mypy, sqlfluff
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests
	@command -v cargo > /dev/null || echo "no cargo here: the reader in rust/ is not looked at"
	! command -v cargo > /dev/null || { cd rust && cargo fmt --check && cargo clippy --quiet --release --offline -- --deny warnings; }

generate: $(READY) ## what is made from settings, commands and models: .env.example, docs/cli.md, infra/snowflake, looker
	$(BIN)/ingest config --example > .env.example
	$(BIN)/python -m ingest.cli.reference > docs/cli.md
	cd infra/snowflake && env -i PATH="$$PATH" SNOWFLAKE_STORAGE_ROLE_ARN=arn:aws:iam::123456789012:role/aivo-snowflake \
		$(abspath $(BIN))/ingest snowflake render --all --to .
	cd dbt_project && ../$(BIN)/dbt --quiet parse
	$(BIN)/ingest lookml

dbt: $(READY) ## build the models over data/warehouse.duckdb, with their tests
	cd dbt_project && DUCKDB_PATH="$(abspath $(or $(DUCKDB_PATH),data/warehouse.duckdb))" ../$(BIN)/dbt build

validate: $(READY) ## the models over the hand-worked fixtures, compared with the hand-worked answers
	cd dbt_project && ../$(BIN)/dbt build --target fixtures

any-order: $(READY) ## random histories in random portions, against a full refresh and a reference (HISTORIES=200)
	@$(BIN)/python -W ignore -m tests.dbt $(or $(HISTORIES),200)

kafka-up: $(READY) ## start Apache Kafka on 127.0.0.1:9092 (Java 17, Maven)
	@$(KAFKA) up
	@echo "Apache Kafka is up. Next: .venv/bin/ingest produce --synthetic 1000. Stop it: make kafka-down"

kafka-down: $(READY) ## stop it
	@$(KAFKA) down

docs: $(READY) ## the project's docs, site/index.html, and every model and column, site/dbt.html
	cd dbt_project && ../$(BIN)/dbt docs generate --static --quiet
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file infra/docs/mkdocs.yml
	@echo "site/index.html"

faults: $(READY) ## thousands of faults over millions of records, every offset counted (about 10 minutes)
	@$(BIN)/python -m tests.faults

bench: $(READY) ## the consumer beside the client's own limit and other tools (SHORT=1: its guard, a minute)
	@$(BIN)/python -m benchmarks $(if $(SHORT),short,run && $(BIN)/python -m benchmarks report)

clean: ## remove what was built, the environment, and data/ if a demo made it
	@test ! -e data/.made-by-ingest-demo || rm -rf data
	rm -rf .venv .venv-peers site dbt_project/target dbt_project/logs dbt_project/fixtures.duckdb infra/kafka/target
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
