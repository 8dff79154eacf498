# `make run` and `make test` need Python 3.11+, a Rust toolchain and make; all else is installed here, below this folder.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

RUST_SOURCES := $(shell find shm_catalog engine vm appliance bench \( -path bench/reference -o -path engine/fuzz -o -path vm/fuzz \) -prune -o \( -name '*.rs' -o -name Cargo.toml \) -print) Cargo.toml Cargo.lock
PROTO_SOURCES := $(wildcard proto/*.proto)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# ---- build -------------------------------------------------------------------------------------

$(VENV)/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=python3.x")'
	@command -v cargo >/dev/null || { echo "A Rust toolchain is needed: cargo is not on PATH" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "make: creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "make: installing Python dependencies"
	@$(PIP) install --requirement requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "make: installing development dependencies"
	@$(PIP) install --requirement requirements-dev.txt
	@touch $@

$(VENV)/.build: $(VENV)/.run pyproject.toml $(RUST_SOURCES)
	@echo "make: building the native half (a minute or two the first time)"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_QUIET=1 $(BIN)/maturin develop --release --locked --quiet
	@touch $@

.PHONY: build
build: $(VENV)/.build ## Build what is missing; leaves .venv/bin/avap

.PHONY: run
run: build ## Serve the embedded catalogue on 127.0.0.1:50051
	@exec $(BIN)/avap serve --welcome

.PHONY: wheel
wheel: $(VENV)/.run ## Build the wheel into build/wheels
	$(BIN)/maturin build --release --locked --out build/wheels

# ---- checks and tests --------------------------------------------------------------------------

# Monty takes ten minutes of CPU to build: `make bench-vm` alone needs it.
.PHONY: check
check: $(VENV)/.dev build ## Format, lint, types, clippy; warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cd bench/reference && cargo fmt --all --check
	cd bench/reference && CARGO_TARGET_DIR=$(CURDIR)/build/reference/cargo cargo clippy --workspace --exclude reference-monty --release --all-targets --locked -- -D warnings
	cd tests/clients/tonic && cargo fmt --check
	cd tests/clients/tonic && CARGO_TARGET_DIR=$(CURDIR)/build/clients/cargo cargo clippy --release --all-targets --locked -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python proto/generate.py --check
	$(BIN)/python docs/generate.py --check

.PHONY: test
test: $(VENV)/.dev build ## Every test: Rust, the memory model, Python, whole appliance, foreign clients
	cargo test --workspace --locked --quiet
	$(MAKE) --no-print-directory test-loom
	$(BIN)/python -m pytest

.PHONY: test-wrk
test-wrk: $(VENV)/.dev build ## The HTTP benchmark with wrk itself (on Debian: apt-get install wrk)
	$(BIN)/python -m pytest -q tests/bench/with_wrk.py

.PHONY: test-loom
test-loom: ## The announcement protocol under every interleaving (loom)
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --package shm_catalog --locked --release --quiet loom

.PHONY: miri
miri: ## The engine's core and its header decoder under Miri (nightly; a few minutes)
	@cargo +nightly miri --version >/dev/null 2>&1 || { echo "Miri is needed: rustup toolchain install nightly --component miri --component rust-src" >&2; exit 1; }
	MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=2 CARGO_TARGET_DIR=target/miri cargo +nightly miri test --package engine --locked --quiet -- --skip gzip

FUZZ_S ?= 60

.PHONY: fuzz
fuzz: ## Fuzz the engine's core and header decoder, and the VM's scripts, definitions, bytecode and its binary form (FUZZ_S seconds each)
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is needed: cargo install cargo-fuzz --locked" >&2; exit 1; }
	cd engine && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$(CURDIR)/target/fuzz cargo fuzz run hpack -- -max_total_time=$(FUZZ_S)
	cd engine && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$(CURDIR)/target/fuzz cargo fuzz run connection -- -max_total_time=$(FUZZ_S)
	cd vm && for target in scripts definitions bytecode binary; do \
		RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$(CURDIR)/target/fuzz cargo fuzz run $$target -- -max_total_time=$(FUZZ_S) || exit 1; \
	done

.PHONY: fuzz-seeded
fuzz-seeded: ## Does the fuzzer find a verifier that overlooks what a conditional jump brings?
	cd vm && mkdir -p $(CURDIR)/target/fuzz/seeded && ! RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$(CURDIR)/target/fuzz cargo fuzz run bytecode \
		--features seeded_bug $(CURDIR)/target/fuzz/seeded fuzz/corpus/bytecode -- -max_total_time=$(FUZZ_S) -artifact_prefix=$(CURDIR)/target/fuzz/seeded-

DIFFERENTIAL ?= 50

.PHONY: differential
differential: $(VENV)/.dev build ## Generated definitions and scripts on CPython and on the VM, DIFFERENTIAL times as many as in `make test`
	DIFFERENTIAL=$(DIFFERENTIAL) $(BIN)/python -m pytest tests/vm/test_generated_definitions.py tests/vm/test_script_expressions.py --timeout=20000

.PHONY: soak
soak: $(VENV)/.dev build ## A million calls a client (long)
	SOAK_CALLS=1000000 $(BIN)/python -m pytest tests/appliance/test_foreign_clients.py -k mixed --timeout=20000

.PHONY: format
format: $(VENV)/.dev ## Rewrite sources in the house's format
	cargo fmt --all
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# ---- benchmarks --------------------------------------------------------------------------------

BENCH_JSON = $(if $(JSON),--json $(JSON))

.PHONY: bench
bench: $(VENV)/.dev build ## Cost and latency of a request, cost of a sync (JSON=file keeps the figures)
	$(BIN)/python -m bench.serving $(BENCH_JSON)

.PHONY: bench-swap
bench-swap: $(VENV)/.dev build ## What swaps of 100,000 commands do to requests
	$(BIN)/python -m bench.swap $(BENCH_JSON)

.PHONY: bench-hydration
bench-hydration: $(VENV)/.dev build ## Memory and time of hydrating a million rows
	$(BIN)/python -m bench.hydration $(BENCH_JSON)

.PHONY: bench-count
bench-count: ## Instructions a request through the engine's core; fails when one grew by more than 5 %
	$(PYTHON) engine/instructions.py

.PHONY: bench-metering
bench-metering: ## Instructions that counting the use of scripts costs (limit 3 %), and their end
	$(PYTHON) vm/metering.py

.PHONY: bench-tuning
bench-tuning: $(VENV)/.dev build ## What each setting of tuning.md is worth (12 minutes, root; TRIAL=name for one)
	$(BIN)/python -m bench.tuning $(TRIAL)

.PHONY: bench-engine
bench-engine: $(VENV)/.dev build ## The lookup engine against tonic and the bound, with its limits (JSON=file)
	$(BIN)/python -m bench.engine $(BENCH_JSON)

.PHONY: bench-vm
bench-vm: $(VENV)/.dev build ## Scripts and definitions beside CPython, Lua, LuaJIT and Monty, with their limits (JSON=file)
	$(BIN)/avap bench vm $(BENCH_JSON)

.PHONY: bench-http
bench-http: $(VENV)/.dev build ## CPU and latency of a script over HTTP, beside hyper alone, with its limit (needs wrk; JSON=file)
	$(BIN)/python -m bench.http $(BENCH_JSON)

.PHONY: bench-attacks
bench-attacks: $(VENV)/.dev build ## What each attack does to the latency of a healthy client (JSON=file)
	$(BIN)/python -m bench.attacks $(BENCH_JSON)

.PHONY: bench-ceiling
bench-ceiling: $(VENV)/.dev build ## What the load generator can do at most, and whether h2load agrees
	$(BIN)/python -m bench.ceiling $(BENCH_JSON)

.PHONY: test-diff
test-diff: $(VENV)/.dev build ## Does avap bench diff find a real 10 % on this host?
	$(BIN)/python -m tests.bench.repeated

# ---- upkeep ------------------------------------------------------------------------------------

.PHONY: docs
docs: build ## Write the generated parts of README.md and docs/operations.md
	$(BIN)/python docs/generate.py

.PHONY: proto
proto: $(VENV)/.dev ## Generate appliance/pb from proto/
	$(BIN)/python proto/generate.py

.PHONY: lock
lock: ## Pin the newest Python dependencies that pyproject.toml allows
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python requirements.py build/lock/bin/python

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf $(VENV) target build
	find . -name '*.so' -path './appliance/*' -delete
