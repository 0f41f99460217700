# Everything runs from .venv, which each target makes and fills as it needs; nothing is installed
# outside it. Python 3.11 or newer is all that has to be there: PYTHON=python3.12 picks another.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run reset test coverage gallery axe kill storm fuzz jobs lint format bench texts clean

run: .venv/example
	@$(BIN)/python -m example_app

reset: .venv/example
	@$(BIN)/python -m example_app --reset

test: .venv/test
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

coverage: .venv/test
	@$(BIN)/python -m coverage run -m pytest -q $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

# Every page in every state, in pictures; DOCS=1 renews those in docs/ instead.
gallery: .venv/test
	@$(BIN)/python -m tests.gallery $(if $(DOCS),--docs) $(ARGS)

axe: .venv/test
	@$(BIN)/python -m tests.gallery --axe --no-pictures $(ARGS)

# The long runs, on the databases of URLS.
URLS ?= postgresql+psycopg://postgres@127.0.0.1:5432/test mariadb+pymysql://root@127.0.0.1:3306/test

kill: .venv/test
	@for url in $(URLS); do $(BIN)/python -m tests.harness.kill $$url || exit 1; done

storm: .venv/test
	@for url in $(URLS); do $(BIN)/python -m tests.harness.storm $$url 10000 || exit 1; done

fuzz: .venv/test
	@$(BIN)/python -m tests.harness.fuzz $(or $(REQUESTS),10000)

REDIS ?= redis://127.0.0.1:6379/13

jobs: .venv/test
	@for url in $(URLS); do $(BIN)/python -m tests.harness.jobs $$url || exit 1; done
	@for url in $(URLS); do $(BIN)/python -m tests.harness.workers $$url $(REDIS) || exit 1; done

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/bench
	@$(BIN)/python -m bench.gate --write
	@$(BIN)/python -m bench --write $(ARGS)
	@$(BIN)/python -m bench.bulk --write
	@$(BIN)/python -m bench.page --write

# What people read: found in the code, put into the catalogues, and compiled once translated.
TEXTS := flask_platform_users/translations -D flask_platform_users
POT := build/flask_platform_users.pot

texts: .venv/test
	@mkdir -p build
	@$(BIN)/pybabel -q extract -F pyproject.toml -k lazy -k pu_ -k pu_n:1,2 --no-location --sort-output \
		--project flask-platform-users --msgid-bugs-address "" -o $(POT) .
	@$(BIN)/pybabel -q update -i $(POT) -d $(TEXTS) --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@$(BIN)/pybabel -q compile -d $(TEXTS) --statistics

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv
	@$(INSTALL) --upgrade "pip>=25.1"
	@touch $@

.venv/%: pyproject.toml | .venv/pip
	@echo "Setting up .venv ($* packages) ..."
	@$(INSTALL) --editable . --group $*
	@touch $@
