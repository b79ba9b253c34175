# `make run` is all a new machine needs. Every recipe that serves is one plain command, so that make starts
# it without a shell in between and passes its signals on.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# Exact pins need no byte code ahead of time and no look for a newer pip; twice quiet leaves errors only.
PIP := $(PY) -m pip install --quiet --quiet --disable-pip-version-check --no-input --no-compile

.DEFAULT_GOAL := help
.PHONY: help run demo-chain web worker beat test check e2e screenshots fmt messages audit restore-drill bench bench-dashboard bench-admin bench-reports bench-history chaos simulate mutants clean

help: ## List the targets
	@sed -n 's/^\([a-z0-9 -]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(VENV)/installed ## Run the whole panel (PORT=8000, PANEL_DATA=var)
	@$(PY) manage.py run

demo-chain: $(VENV)/installed ## Run two panels; the second buys from the first
	@$(PY) manage.py demo_chain

web worker beat: $(VENV)/installed ## Run one part of it, for several machines
	@$(PY) manage.py $@

test: $(VENV)/installed-dev ## Run all tests on servers of their own
	@$(PY) -m pytest -n 2 --dist worksteal $(TESTS)

check: export ENV_FILE = /dev/null
check: export DEBUG = 0
check: export SECRET_KEY = only-for-make-check-but-long-and-of-many-letters-as-Django-wants-it
check: export API_KEY_PEPPER = only-for-make-check
check: export PROVIDER_KEYS_SECRET = only-for-make-check
check: export DATABASE_URL = postgresql:///panel?host=/nowhere
check: export REDIS_URL = unix:///nowhere
check: export ALLOWED_HOSTS = panel.example
check: export BASE_URL = https://panel.example
check: export EMAIL_URL = smtp://mail.example
check: $(VENV)/installed-dev ## Lint, types, import rules, migrations, deployment
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .
	$(VENV)/bin/lint-imports
	@# Without a server it warns that it cannot compare with the applied migrations.
	$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(PY) manage.py check --deploy --fail-level WARNING

e2e: $(VENV)/installed-dev ## Drive Chromium through the whole panel
	@$(PY) -m pytest $(or $(TESTS),e2e)

screenshots: $(VENV)/installed-dev ## Take the pictures in docs/screenshots
	@$(PY) -m pytest e2e/screenshots.py

fmt: $(VENV)/installed-dev ## Format the code
	$(PY) -m ruff check --fix --select I .
	$(PY) -m ruff format .

# Needs GNU gettext. What only staff, tests and tools read is not translated.
messages: $(VENV)/installed ## Collect the texts to translate, compile them
	$(PY) manage.py makemessages $(addprefix --locale ,$(notdir $(wildcard locale/*))) --no-obsolete --no-location \
		$(addprefix --ignore ,.venv var tests bench chaos e2e)
	$(PY) manage.py compilemessages --ignore .venv --ignore var

audit: $(VENV)/installed ## Audit the ledger
	@$(PY) manage.py audit_ledger

restore-drill: $(VENV)/installed ## Back up, restore elsewhere, audit that
	@$(PY) manage.py restore_drill

bench: $(VENV)/installed-dev ## Measure the hot paths
	@$(PY) -m bench

bench-dashboard: $(VENV)/installed-dev ## Measure the pages of a customer with a million orders
	@$(PY) -m bench --dashboard

bench-admin: $(VENV)/installed-dev ## Measure the staff's pages about a million orders (ORDERS=1000000)
	@$(PY) -m bench --admin $(if $(ORDERS),--orders $(ORDERS))

bench-reports: $(VENV)/installed-dev ## Measure the staff's reports over long periods (ORDERS=300000)
	@$(PY) -m bench --reports --orders $(or $(ORDERS),300000)

bench-history: $(VENV)/installed-dev ## Compare 10,000 orders with 10,000,000 (half an hour, 20 GB)
	@$(PY) -m bench --history $(if $(ORDERS),--orders $(ORDERS))

chaos: $(VENV)/installed-dev ## Break it on purpose (MINUTES=3, SEED=)
	@$(PY) -m chaos --minutes $(or $(MINUTES),3) $(if $(SEED),--seed $(SEED))

simulate: $(VENV)/installed-dev ## Simulate any sequence of events (EXAMPLES=2000, SEED=)
	@SIMULATION_SEED=$(or $(SEED),random) SIMULATION_EXAMPLES=$(or $(EXAMPLES),2000) REFUND_CASES=1000000 \
		SIMULATION_FULL=1 $(PY) -m pytest tests/simulation -q

mutants: $(VENV)/installed-dev ## Plant bugs and see that the tests notice (ONLY=word)
	@$(PY) -m tests.mutations $(if $(ONLY),-k $(ONLY))

clean: ## Remove what was built; the data in var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "panel: Python 3.11 or newer is needed; set PYTHON=")'
	@echo "panel: making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/installed: requirements.txt | $(PY)
	@echo "panel: installing requirements.txt (half a minute, the first time)"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt requirements.txt | $(PY)
	@echo "panel: installing requirements-dev.txt"
	@$(PIP) -r requirements-dev.txt
	@touch $(VENV)/installed $@
