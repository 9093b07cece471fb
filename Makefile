# All commands of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
ARTIFACTS_DIR ?= artifacts
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run train test full mlflow quick check format bench faults lock clean

help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

run: $(VENV)/run.done  ## install, train the default model if there is none, serve on http://127.0.0.1:8000 (PORT=8001: another port)
	@ls $(ARTIFACTS_DIR)/*/manifest.json >/dev/null 2>&1 || python -m training
	@LOG_FORMAT=$${LOG_FORMAT:-text} BIND=$${BIND:-127.0.0.1:$${PORT:-8000}} exec gunicorn wsgi:app $(ARGS)

train: $(VENV)/run.done  ## train a model: make train ARGS="--data file.csv --target column"
	@python -m training $(ARGS)

test: $(VENV)/dev.done  ## run the whole suite; ARGS goes to pytest
	@python -m pytest -n 3 --dist loadgroup $(ARGS)

full: $(VENV)/dev.done $(VENV)/bench.done  ## run the whole suite with every stranger's table, and every fault: an hour
	@EVERY_STRANGER=1 python -m pytest -n 2 --dist loadgroup $(ARGS)
	@if $(MAKE) --no-print-directory $(VENV)/mlflow.done; then $(MAKE) --no-print-directory mlflow; \
	  else echo "MLflow cannot be installed here: the tests with its server are left out."; fi
	@$(MAKE) --no-print-directory faults ARGS=

mlflow: $(VENV)/mlflow.done  ## run the tests of MODEL_URI with the real MLflow and its server, in environments of their own
	@MLFLOW_PROGRAM=$(CURDIR)/$(VENV)/mlflow-server/bin/mlflow \
	  $(VENV)/mlflow/bin/python -m pytest tests/models/test_mlflow_registry.py

quick: $(VENV)/dev.done  ## run the tests that need no other program: about a minute
	@python -m pytest -n 2 -m "not process and not slow" $(ARGS)

check: $(VENV)/dev.done  ## formatter, linter, type checker, layer rule
	@ruff format --check . && ruff check . && mypy && python -m pytest -q tests/test_layers.py

format: $(VENV)/dev.done  ## format the code
	@ruff format . && ruff check --fix .

bench: $(VENV)/bench.done  ## the load lab: make bench ARGS=--quick
	@ls $(ARTIFACTS_DIR)/*/manifest.json >/dev/null 2>&1 || python -m training
	@python -m benchmarks $(ARGS)

faults: $(VENV)/bench.done  ## break the running service in every way we know: make faults ARGS=--list
	@ls $(ARTIFACTS_DIR)/*/manifest.json >/dev/null 2>&1 || python -m training
	@python -m benchmarks.faults $(ARGS)

lock: $(VENV)/dev.done  ## pin the requirements again after a change of a .in file
	@pip install -q pip-tools
	@for set in requirements requirements-serving requirements-bench requirements-otel requirements-dev; do \
	  pip-compile -q --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header -o $$set.txt $$set.in; done

clean:  ## remove installed packages and caches; artifacts and records stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make run PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.done: requirements.txt | $(BIN)/python
	@echo "Installing the packages for serving and training into $(VENV) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.done: requirements-dev.txt $(VENV)/run.done
	@echo "Installing the packages for the tests into $(VENV) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/mlflow.done: $(VENV)/dev.done
	@echo "Installing MLflow into $(VENV)/mlflow, on top of the packages of the tests, and its server into $(VENV)/mlflow-server ..."
	@python -m venv $(VENV)/mlflow
	@python -c 'import site; print(site.getsitepackages()[0])' > $$(echo $(VENV)/mlflow/lib/python*/site-packages)/tests.pth
	@$(VENV)/mlflow/bin/pip install -q --disable-pip-version-check mlflow-skinny==3.17.2 skops==0.16.0
	@python -m venv $(VENV)/mlflow-server
	@$(VENV)/mlflow-server/bin/pip install -q --disable-pip-version-check mlflow==3.17.2
	@touch $@

$(VENV)/bench.done: requirements-bench.txt $(VENV)/run.done
	@echo "Installing the packages for the load lab into $(VENV) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements-bench.txt
	@touch $@
