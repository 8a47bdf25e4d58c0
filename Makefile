# `make demo` and `make test` do all the set-up they need; the other targets are for people who change the code.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
# What the sandbox's simulated nodes and the tests of the Slack page, the alert rules (promtool) and the unit need.
DEBIAN := openssh-server openssh-client bubblewrap containerd xz-utils zstd curl procps util-linux chromium fonts-dejavu-core fonts-lato fonts-noto-color-emoji prometheus systemd python3 python3-venv
# What the lab needs beside that; its programs are built from Go modules.
LAB_DEBIAN := mmdebstrap systemd-container iproute2 util-linux xz-utils zstd
LAB_PROGRAMS := mmdebstrap systemd-nspawn ip setsid nsenter xz zstd
PROGRAMS := sshd ssh-keygen bwrap containerd xz zstd curl pgrep nsenter setpriv chromium promtool systemd-analyze

export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

.PHONY: setup
setup: debian $(VENV)/.ready ## Install Debian packages (when root) and make .venv with .venv/bin/imsbot

$(VENV)/.ready: requirements.lock pyproject.toml
	@python=$$(command -v $(PYTHON) || command -v python3)
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed; this is $$("$$python" --version)" >&2; exit 1; }
	[ -x $(PY) ] || "$$python" -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.PHONY: debian lab-debian
debian: WANTED := $(PROGRAMS)
debian: PACKAGES := $(DEBIAN)
lab-debian: WANTED := $(LAB_PROGRAMS)
lab-debian: PACKAGES := $(LAB_DEBIAN)
debian lab-debian:
	@missing=""
	for program in $(WANTED); do command -v $$program >/dev/null || missing="$$missing $$program"; done
	{ command -v $(PYTHON) || command -v python3; } >/dev/null && $$(command -v $(PYTHON) || command -v python3) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"
	[ -z "$$missing" ] && exit 0
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  echo "installing Debian packages (missing:$$missing)"
	  # Of sshd, containerd and Prometheus only the programs are wanted: Debian would start their services.
	  policy=/usr/sbin/policy-rc.d
	  if [ ! -e $$policy ] || grep -q ims-remediation-bot $$policy; then
	    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	    printf '%s\n' '#!/bin/sh' '# of ims-remediation-bot, while make installs packages' 'exit 101' > $$policy
	    chmod 755 $$policy
	  fi
	  apt-get update -qq
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null
	else
	  echo "missing:$$missing. As root: apt-get install --no-install-recommends $(PACKAGES)" >&2; exit 1
	fi

.PHONY: demo
demo: setup ## Show the whole story; AUTO=1 answers by itself, CHAOS=N breaks things by seed N
	@$(PY) -m tests.sandbox.demo $(if $(AUTO),--auto) $(if $(CHAOS),--chaos $(CHAOS))

.PHONY: test
test: setup lint ## Run the tests but the lab's; IMSBOT_CORPUS=DIR adds a corpus of containerd configurations
	@$(PY) -m pytest

.PHONY: bench
bench: setup ## Measure beside kopf, Ansible and bare SSH; PART=events|rss|sweep|repair runs one part
	@$(PY) -m tests.bench $(PART)

.PHONY: lab
lab: setup lab-debian ## Start a real cluster of three workers and say how to use it (root)
	@$(PY) -m tests.lab up

.PHONY: lab-down
lab-down: setup ## Take that cluster away
	@$(PY) -m tests.lab down

.PHONY: lab-demo
lab-demo: setup lab-debian ## Tell the demo's main story on a real cluster of its own (root); AUTO=1 answers by itself
	@$(PY) -m tests.lab.demo $(if $(AUTO),--auto)

.PHONY: lab-test
lab-test: setup lab-debian ## Run the end-to-end tests on a cluster of their own (root)
	@$(PY) -m pytest tests/lab

.PHONY: lint
lint: setup ## Style, types and layers
	@$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports 

.PHONY: fmt
fmt: setup ## Format the code
	@$(VENV)/bin/ruff check --fix --quiet .
	$(VENV)/bin/ruff format --quiet .

.PHONY: lock
lock: setup ## Resolve requirements.lock, and the image's and the benchmark's, anew: with hashes, without index addresses
	@$(PY) -m pip install --quiet uv
	$(VENV)/bin/uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade -o requirements.lock -q
	$(VENV)/bin/uv pip compile pyproject.toml --constraint requirements.lock --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o deploy/requirements.lock -q
	echo hatchling | $(VENV)/bin/uv pip compile - --constraint requirements.lock --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o deploy/build.lock -q
	$(VENV)/bin/uv pip compile --group bench --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade -o tests/bench/requirements.lock -q

.PHONY: clean
clean: ## Remove what the other targets made
	@[ ! -d build/lab-0 ] || $(PY) -m tests.lab down
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
