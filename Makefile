# `make demo` and `make test` work on a fresh machine that has Python 3.11 or newer: what they need goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check --editable
NATIVE_FILES := $(wildcard native/*.[ch] native/*/*.[ch] native/*/*/*.[ch])
C_FILES := $(NATIVE_FILES) $(wildcard examples/*/*.[ch])

NATIVE := tools/build_native.py $(NATIVE_FILES) $(wildcard native/*.inc)

.PHONY: help demo test check sanitize format native clean

help:
	@echo "make demo     convert a Keras net that reads handwritten digits, and run it beside its int8 twin"
	@echo "make test     run the tests"
	@echo "make check    everything else that must hold before a commit: lint, types, generated files"
	@echo "make sanitize run native tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer (minutes)"
	@echo "make format   format the sources and write the generated files again"
	@echo "make native   build the native library again, after a change to its sources"
	@echo "make clean    remove .venv and whatever was built"

demo: .venv/core
	@$(BIN)/python examples/digits/demo.py

test: .venv/dev
	@$(BIN)/python -m pytest -q

check: .venv/dev
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --no-error-summary
	@$(if $(C_FILES),$(BIN)/clang-format --dry-run --Werror $(C_FILES),echo "clang-format: there are no C files yet")
	@$(BIN)/python tools/generate.py --check

sanitize: .venv/dev
	@$(BIN)/python tools/sanitize.py address
	@$(BIN)/python tools/sanitize.py thread

format: .venv/dev
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet
	@$(if $(C_FILES),$(BIN)/clang-format -i $(C_FILES))
	@$(BIN)/python tools/generate.py

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

native: .venv/core
	@$(BIN)/python tools/build_native.py

.venv/core: pyproject.toml $(NATIVE) | .venv/bin/python
	@echo "Installing Tachylite into .venv ..."
	@$(INSTALL) '.[keras]'
	@touch $@

.venv/dev: pyproject.toml $(NATIVE) | .venv/bin/python
	@echo "Installing Tachylite and what its tests need into .venv (about a minute) ..."
	@$(INSTALL) '.[dev]'
	@touch $@ .venv/core

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Tachylite needs Python 3.11 or newer, and $(PYTHON) is older; try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
