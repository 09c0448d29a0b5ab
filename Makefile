# `make fit` and `make test` are all a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The GPU build is taken when an NVIDIA GPU answers; REQUIREMENTS=... overrides.
REQUIREMENTS ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo requirements-gpu.txt || echo requirements.txt)
STAMP := $(VENV)/installed-$(REQUIREMENTS)

.PHONY: setup fit test test-slow lint format board clean

setup: $(STAMP)

$(STAMP): $(REQUIREMENTS) requirements-common.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r $(REQUIREMENTS)
	@touch $@

fit: setup
	$(BIN)/python -m app fit

board: setup
	$(BIN)/python -m app board

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# One process per core, and one thread each: the tests are many and small.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test: lint
	$(PYTEST)

# The checks that take minutes: the deep networks, long videos, every frame.
test-slow: setup
	$(PYTEST) -m slow

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
