# `make demo` and `make test` are all the set-up there is: each builds .venv when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
DEMO_OUT ?= demo-run
JOBS ?= 2
ROOMS := arrays materials scans reconstruction simulation segmentation metrology pipeline
SOURCES := __init__.py $(foreach room,$(ROOMS),$(wildcard $(room)/*.py))
TYPED := $(foreach room,$(ROOMS),-p xelith.$(room))

.PHONY: demo test lint types validate wheel docs clean
.DELETE_ON_ERROR:

$(VENV)/ready-ml: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet 'pip>=24.1'  # one resolver whatever Python brought
	$(PIP) install --quiet --constraint constraints.txt --editable '.[ml]'
	touch $@

$(VENV)/ready-all: $(VENV)/ready-ml
	$(PIP) install --quiet --constraint constraints.txt --editable '.[all]'
	touch $@

demo: $(VENV)/ready-ml
	$(BIN)/xelith demo --out $(DEMO_OUT)

# The processes of the tests share the cores; threads that wait for each other would take half of them.
test: export OMP_NUM_THREADS := 1
test: $(VENV)/ready-all lint types
	$(BIN)/python -m pytest -m "not validate" --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered --cov-fail-under=85

lint: $(VENV)/ready-all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/numpydoc lint $(SOURCES)

types: $(VENV)/ready-all
	mkdir -p build/types && ln -sfn ../.. build/types/xelith
	MYPYPATH=build/types $(BIN)/mypy --explicit-package-bases $(TYPED)

validate: $(VENV)/ready-all
	$(BIN)/python -m pytest -m validate --timeout=0

wheel: $(VENV)/ready-all
	$(BIN)/python -m build --wheel --outdir build/dist

docs: $(VENV)/ready-all
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean:
	rm -rf build *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
