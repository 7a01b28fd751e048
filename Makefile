# The verbs of this project. Each installs what it needs first (as root through apt; otherwise it
# prints the one line to run). CI calls nothing else.

CARGO ?= cargo
SETUP := scripts/setup.sh
RELEASE := target/release/ecapture
# Root tests are named `…:root:…`; without the right to run them they are left out, and said so.
SKIP := $(if $(filter 0,$(shell id -u)),,--skip :root:)

.PHONY: help setup build demo test test-user test-live test-kernels test-wide lint fmt abi fuzz bench bench-check bench-figures clean

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*##/ {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: ## install every Debian package that any verb needs
	@$(SETUP) build demo test kernels bench lint

build: ## the release binary, target/release/ecapture
	@$(SETUP) build
	$(CARGO) build --release --locked

demo: ## capture a small HTTPS exchange and compare it with what was sent
	@$(SETUP) demo
	$(CARGO) build --release --locked
	$(RELEASE) demo

test: ## all tests: unit, replay, command line, and live ones as root
	@$(SETUP) test
	@$(if $(SKIP),echo "not root: tests named :root: are left out")
	$(CARGO) build --release --locked
	tests/openssl/build.sh
	tests/quic/build.sh
	ECAPTURE=$(CURDIR)/$(RELEASE) $(CARGO) test --workspace --locked --no-fail-fast -- $(SKIP)

test-user: ## the tests that need no root
	@$(SETUP) build user
	$(CARGO) test --workspace --locked -- --skip :root:

test-kernels: ## boot Debian's cloud kernels under qemu and capture there
	@$(SETUP) kernels
	$(CARGO) build --release --locked
	tests/kernels/run.sh

test-wide: ## sites and keys in programs that are large to fetch; keys live, as root
	@$(SETUP) test wide
	$(CARGO) test --locked -p ecapture-probe --test keyscan -- --ignored --nocapture wide::
	$(CARGO) test --locked -p ecapture-probe --test site -- --ignored --nocapture wide::
	$(CARGO) build --release --locked
	ECAPTURE=$(CURDIR)/$(RELEASE) $(CARGO) test --locked -p ecapture-live-tests --test wide -- \
	    --ignored --nocapture --test-threads 2 $(SKIP)

lint: ## rustfmt, clippy, clang-format, the generated record types, unfinished marks
	@$(SETUP) lint
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	find bpf tests/programs -name '*.[ch]' | xargs clang-format-14 --dry-run --Werror
	$(CARGO) run -q --locked -p ecapture-abigen -- --check
	@! git grep -nwE 'TO''DO|FIX''ME|XX''X' -- '*.rs' '*.c' '*.h' '*.sh' '*.py' || \
	    { echo 'unfinished marks, see above' >&2; exit 1; }

fmt: ## format everything
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml
	find bpf tests/programs -name '*.[ch]' | xargs clang-format-14 -i

abi: ## write crates/abi from bpf/abi.h
	$(CARGO) run -q -p ecapture-abigen

fuzz: ## run the fuzz targets for FUZZ_SECONDS each, two at a time
	@$(SETUP) build
	fuzz/run.sh $(or $(FUZZ_SECONDS),60)

bench: ## compare with no probes and with other tools, under nginx and wrk
	@$(SETUP) bench
	$(CARGO) build --release --locked
	bench/run.py

bench-check: ## a minute of it; fails if the target suffers, a byte is missing or idle is not idle
	@$(SETUP) bench
	$(CARGO) build --release --locked
	bench/run.py --quick --check --results target/bench

bench-figures: ## put the last table and plot of `make bench` into docs/
	bench/figures.py

clean: ## remove what was built
	$(CARGO) clean
