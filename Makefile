# Nothing but Python 3.11+, git and make is needed: everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
# Modules are compiled when they are used: most of what is installed never is.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# What must have ended before the second part of the tests begins; `.ci/run` installs a browser meanwhile.
MEANWHILE ?= true
.PHONY: demo test lint oldest docs bench clean
# What one process has compiled the next ones read, also where the machine says otherwise: there are a thousand of them.
unexport PYTHONDONTWRITEBYTECODE

demo: .venv/run.done
	$(BIN)/python examples/demo/run.py

test: .venv/dev.done
	$(BIN)/python -m pytest -n 4 --dist load --maxschedchunk 1 --cov --cov-report=term -m 'not untraced and not hypothesis'
	@$(MEANWHILE)
	$(BIN)/python -m pytest -n 4 --dist load --maxschedchunk 1 -m 'untraced or hypothesis'

lint: .venv/dev.done
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/python scripts/lock.py --check
	$(BIN)/python scripts/workflows.py --check

# The least versions that pyproject.toml allows: what somebody may have already, and pip then leaves as it is.
oldest: .venv/dev.done
	rm -rf build/oldest
	$(BIN)/uv venv --quiet --python $(BIN)/python build/oldest
	$(BIN)/uv pip install --quiet --python build/oldest --resolution lowest-direct --editable '.[gepa]'
	$(BIN)/uv pip install --quiet --python build/oldest pytest hypothesis
	build/oldest/bin/python -m pytest tests/config tests/wire tests/github/test_client.py -m 'not hypothesis'
	build/oldest/bin/python examples/demo/run.py >build/oldest/demo.log

docs: .venv/dev.done
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/screenshots.py

bench: .venv/dev.done
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/agents.py

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/run.done: .venv/bin/python pyproject.toml
	$(INSTALL) --editable .
	touch $@

.venv/dev.done: .venv/bin/python pyproject.toml
	$(INSTALL) --editable '.[dev]'
	touch .venv/run.done $@

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
