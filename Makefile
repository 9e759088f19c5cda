# The few commands a contributor needs. Each is idempotent and starts from a clean clone.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

# Where this is set, every process that a test starts would compile all of Gatepost anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup dev test check bench docs lock
.DEFAULT_GOAL := setup

setup: .venv/.run  ## .venv with the locked dependencies, and the gatepost command in it

dev: setup  ## a development server with a demo organization
	@$(BIN)/gatepost dev

test: .venv/.dev .venv/.programs  ## everything: format, lint, types, docs, all tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy & types=$$!; $(BIN)/pytest -n 3 --dist loadgroup; tests=$$?; wait $$types && exit $$tests

check: .venv/.dev  ## format, lint, types and the fast tests, in under a minute
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest -n 2 tests/house tests/oauth tests/store tests/wire

docs: .venv/.dev  ## write the generated parts of docs/ and the catalogues of translations anew
	@$(BIN)/python -m tests.house.write_docs
	@$(BIN)/python -m tests.house.write_messages

bench: setup  ## rates of the hot operations beside a bare server
	@$(BIN)/gatepost bench

.venv/.run: requirements/run.txt requirements/build.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Gatepost needs Python 3.11 or newer, and there is no $(PYTHON) here. On Debian: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Gatepost needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv with the locked dependencies (once)"
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@for tool in bash curl; do command -v $$tool >/dev/null || { echo "The tests need $$tool. On Debian: apt-get install $$tool" >&2; exit 1; }; done
	@echo "Adding what the tests need"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.programs: .venv/.run tests/programs.py tests/peers/node/package-lock.json
	@$(BIN)/python -m tests.programs
	@touch $@

lock:  ## refresh the lock files after a change to pyproject.toml (needs uv)
	@uv pip compile requirements/build.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/build.txt
	@uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/run.txt
	@uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -c requirements/run.txt -o requirements/dev.txt
