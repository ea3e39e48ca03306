# `make help` lists the targets.

SHELL := /bin/bash
CACHE := $(or $(FLEETGRAPH_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME)/fleetgraph,$(HOME)/.cache/fleetgraph))
CARGO_DENY := $(CACHE)/cargo-deny-0.20.2/bin/cargo-deny

.DEFAULT_GOAL := help
.PHONY: help demo test build bench faults fuzz check generate advisories clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Show fleetgraph on 127.0.0.1:8080 with three simulated clusters; DEMO="--clusters=50 …" for others.
	@scripts/prepare --only compiler,toolchain,page
	@echo "demo: building fleetgraph, not optimised (the first time takes some five minutes on two cores)"
	@cargo build --quiet --workspace --bin fleetgraph
	@exec target/debug/fleetgraph demo $(DEMO)

test: ## Do everything that CI does: format, lints, rules, licences, all tests.
	@scripts/prepare
	@echo "test: format"
	@cargo fmt --all --check
	@echo "test: clippy"
	@cargo clippy --workspace --all-targets --quiet -- -D warnings
	@echo "test: licences, bans, sources"
	@$(CARGO_DENY) --log-level error check licenses bans sources
	@echo "test: the page: types, lints, unit tests"
	@cd web && npm run --silent verify
	@echo "test: the dependency rule; unit, property, differential and end-to-end tests"
	@cargo test --workspace --no-fail-fast

faults: ## Run the registry against thousands of simulated clusters that go wrong, each with a seed of its own.
	@scripts/prepare --only compiler,toolchain
	@from=$$(date +%s); for batch in 0 1 2 3 4 5 6 7 8 9; do \
	  seeds=$$((from + batch * 400))..$$((from + batch * 400 + 400)); echo "faults: seeds $$seeds"; \
	  FLEETGRAPH_FAULT_SEEDS=$$seeds cargo test --quiet --workspace --test simulated -- --nocapture || exit 1; \
	done

fuzz: ## Throw new cases at every parser of what outsiders send, for SECONDS=60 or as long as one likes.
	@scripts/prepare --only compiler,toolchain
	@cargo test --quiet -p limits -p http-api --lib --no-run
	@end=$$(( $$(date +%s) + $(or $(SECONDS),60) )); \
	while [ $$(date +%s) -lt $$end ]; do \
	  PROPTEST_CASES=2000 cargo test --quiet -p limits -p http-api --lib fuzz || exit 1; \
	done

oracle: ## Compare a million access decisions with real API servers, and whole answers in 20 worlds of rights (an hour).
	@scripts/prepare --only compiler,toolchain,control-planes
	@for from in $$(seq 1000 25 1625); do echo "oracle: worlds $$from to $$((from + 24))"; \
	  ACCESS_SEEDS=$$from..$$((from + 25)) cargo test --quiet --workspace --test oracle -- --nocapture every_judgement || exit 1; \
	done
	@ORACLE_SEEDS=1000..1020 cargo test --workspace --test e2e -- --nocapture oracle::

check: ## The quick part of `make test`: format, lints, and tests that start no control plane.
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --quiet -- -D warnings
	@cargo test --workspace --lib

build: ## Build the program, complete, at target/release/fleetgraph.
	@scripts/prepare --only page
	cargo build --release -p fleetgraph

bench: ## Measure against references in the same run, in some 25 minutes; CURVES=docs draws docs/fleets.svg anew.
	@scripts/prepare --only compiler,packages,toolchain,control-planes
	@cargo build --release --quiet -p fleetgraph -p testkit
	@target/release/bench --fleetgraph target/release/fleetgraph $(if $(CURVES),--curves $(CURVES))

generate: ## Write what is generated from the code: the SDL, the relations, and the configuration's reference.
	cargo run --quiet -p xtask -- sdl
	cargo run --quiet -p xtask -- relations
	cargo run --quiet -p fleetgraph -- config --markdown > docs/configuration.md

advisories: ## Check dependencies against the advisory database (needs the internet).
	$(CARGO_DENY) check advisories

clean: ## Remove what was built in the tree. The cache outside of it stays.
	cargo clean
	git clean -fdXq -- tests web
