# Five commands: run, test, check, bench, clean. Each first installs what it needs.
# Requires Python 3.11 or later, pip and make; PYTHON=... selects another interpreter.

.PHONY: run test check bench simulate generate pictures wheels venv constraints audit etcd clean

BIN := .venv/bin
STAMP := .venv/.installed
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python)
SUITABLE := import sys; sys.exit(sys.version_info < (3, 11))

# Ctrl-C at a terminal sends SIGINT to every process of the foreground group, and make would then exit
# with an error. So gafferd becomes the foreground group by itself; make exits with its status.
define FOREGROUND
import os, signal, sys
try:
    with open("/dev/tty") as tty:
        if os.tcgetpgrp(tty.fileno()) == os.getpgrp():
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(tty.fileno(), os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            # After Ctrl-Z nothing could continue it: the job control of the shell only knows make.
            signal.signal(signal.SIGTSTP, signal.SIG_IGN)
except OSError:
    pass  # There is no controlling terminal.
os.execv(sys.argv[1], sys.argv[1:])
endef
export FOREGROUND

run: venv
	@cd examples && exec ../$(BIN)/python -c "$$FOREGROUND" ../$(BIN)/gafferd -c gaffer.ini -vv

# Tests wait as long as they compute, so there are more workers than processors in a small machine.
# Many start programs of gaffer: without byte code, each of these would compile all of gaffer again.
test: venv
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 3 --dist worksteal $(ARGS)

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

simulate: venv
	$(BIN)/python -m tests.simulate --seeds $(or $(SEEDS),2000)

bench: venv
	$(BIN)/python benchmarks/run.py

# The blocking half of gaffer-client, from its half for trio.
generate: venv
	$(BIN)/python plugins/gaffer_client/generate_sync.py

# The pictures of the README, from real sessions; port 5000 must be free.
pictures: venv
	$(BIN)/python docs/pictures/record.py

wheels: venv
	$(BIN)/uv build -q --python $(BIN)/python --all-packages --wheel --build-constraints constraints.txt --out-dir dist

venv: $(STAMP)

$(STAMP): Makefile constraints.txt pyproject.toml $(PLUGINS:%=%/pyproject.toml)
	@for python in $(CANDIDATES); do \
	    $$python -c '$(SUITABLE)' 2>/dev/null && break; \
	    python=; \
	done; \
	test -n "$$python" || { echo "gaffer needs Python 3.11 or later; not found as: $(CANDIDATES)" >&2; exit 1; }; \
	echo "installing into .venv"; \
	$(BIN)/python -c '$(SUITABLE)' 2>/dev/null || $$python -m venv --clear --without-pip .venv && \
	$$python -m pip --python $(BIN)/python --disable-pip-version-check install -q -c constraints.txt uv
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python \
	    -c constraints.txt -b constraints.txt -e . $(PLUGINS:%=-e ./%) --group dev
	@touch $@

# Renew the exact versions of all dependencies, within the limits of the pyproject files.
constraints: venv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --upgrade --no-header --no-annotate \
	    --no-emit-index-url --no-emit-package gaffer-kernel --group dev \
	    pyproject.toml $(PLUGINS:%=%/pyproject.toml) -o .venv/versions.txt
	{ sed -n '/^#/p' constraints.txt; sed 's/ ; platform_.*//; s/ and platform_.*//' .venv/versions.txt; } >.venv/constraints.txt
	mv .venv/constraints.txt constraints.txt

# Check the exact versions for known vulnerabilities. It needs the network, and its answer changes from
# day to day, so it is not part of .ci/run.
audit: venv
	$(BIN)/uv tool run -q pip-audit==2.10.1 --requirement constraints.txt --no-deps --disable-pip --strict

# For the tests that need a real etcd; without one they are skipped. Under systemd, the Debian package
# starts its own etcd on port 2379, so this disables that service.
etcd:
	@if command -v etcd >/dev/null; then exit; fi; \
	if test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null; then \
	    echo "etcd is not installed, which only root can do with apt-get: its tests will be skipped" >&2; exit; \
	fi; \
	echo "installing etcd-server, but not as a service"; \
	apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends etcd-server >/dev/null || { \
	    echo "apt-get cannot install etcd-server: its tests will be skipped" >&2; exit; \
	}; \
	if command -v systemctl >/dev/null; then systemctl disable --now etcd >/dev/null 2>&1 || true; fi

clean:
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
