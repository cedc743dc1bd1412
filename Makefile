# Every command of the project; `make` lists them. CARGO_TARGET_DIR is respected.
.DEFAULT_GOAL := help
.PHONY: help setup build check fmt lint docs tidy schemas contract openapi events catalogue asyncapi rules deny compose test e2e drill compat torture simulate days mutants fuzz-api fuzz-log demo run new-listener bench bench-log reset clean-data up down logs compilers maven

# Where cargo puts its programs.
TARGET_DIR = $(or $(CARGO_TARGET_DIR),$(shell cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'))
PROGRAMS = $(TARGET_DIR)/debug
RELEASED = $(TARGET_DIR)/release

# True where packages may be installed without asking.
MAY_INSTALL = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: maven build ## Make this machine ready: build, then find or install Java and Maven and fetch Kafka, the registry and Postgres
	@"$(PROGRAMS)/stack" setup

# One build serves check, test, demo and run. Naming the whole workspace and one test gives every crate the features that
# `cargo test --workspace` gives it; `cargo run -p …` would pick others and compile half of the dependencies again.
build: compilers ## Build every program, unoptimised
	@cargo build --workspace --bins --test tidy

check: fmt lint docs tidy schemas contract events asyncapi rules deny compose ## Everything that must hold before a commit
	@echo "check: all in order"

fmt: ## Is the code formatted as rustfmt does it?
	cargo fmt --all -- --check

lint: compilers ## Clippy, where a warning is an error
	cargo clippy --workspace --all-targets -- -D warnings

# `--lib --examples` documents the libraries, with the features of the other commands: nothing is compiled again.
docs: compilers ## Build the documentation of the code, where a warning is an error
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --lib --examples

tidy: compilers ## The rules of the project's shape
	cargo test --workspace --test tidy

schemas: build ## Are the schemas well formed, documented, and compatible with every published version?
	"$(PROGRAMS)/storectl" schemas check

PROMETHEUS = deploy/prometheus
rules: build ## Alerts and their tests, by promtool; skipped where Prometheus is not installed
	@"$(PROGRAMS)/stack" promtool check rules $(PROMETHEUS)/alerts.yml
	@"$(PROGRAMS)/stack" promtool test rules $(PROMETHEUS)/alerts_test.yml
	@if [ -e $(PROMETHEUS)/prometheus.yml ]; then \
		"$(PROGRAMS)/stack" promtool check config --syntax-only $(PROMETHEUS)/prometheus.yml; fi

contract: build ## Are the documents in docs/openapi what the programs say, and does every caller that exists still work?
	@"$(PROGRAMS)/counterflow" openapi check

openapi: build ## Write what the programs say of their HTTP APIs to docs/openapi; refused where callers would break
	@"$(PROGRAMS)/counterflow" openapi write

events: build ## Is the catalogue in docs/events what schemas and code say?
	@"$(PROGRAMS)/counterflow" catalogue check

catalogue: build ## Write what schemas and code say of the events to docs/events
	@"$(PROGRAMS)/counterflow" catalogue write

# The parser's packages lie beside what cargo makes; their versions and checksums are in the lock file.
ASYNCAPI = $(TARGET_DIR)/asyncapi
asyncapi: ## Is docs/events/asyncapi.json valid? Asked of AsyncAPI's own parser; skipped where node and npm are not installed
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo "asyncapi: SKIPPED, node and npm are not installed (Debian: apt install nodejs npm)"; \
	else \
		mkdir -p "$(ASYNCAPI)" && cp tests/asyncapi/*.json tests/asyncapi/*.mjs "$(ASYNCAPI)" && \
		if cmp -s tests/asyncapi/package-lock.json "$(ASYNCAPI)/installed" || \
			(cd "$(ASYNCAPI)" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null && \
				cp package-lock.json installed); then \
			node "$(ASYNCAPI)/validate.mjs" docs/events/asyncapi.json; \
		else \
			echo "asyncapi: npm cannot fetch the parser (tests/asyncapi/package-lock.json): see above" >&2; exit 1; \
		fi; \
	fi

deny: ## Licences, sources and duplicates among the dependencies; skipped where cargo-deny is not installed
	@if command -v cargo-deny >/dev/null; then \
		cargo deny --log-level error check --hide-inclusion-graph bans licenses sources; \
	else \
		echo "deny: SKIPPED, cargo-deny is not installed; to have it (5 minutes): cargo install --locked cargo-deny@0.20.2"; \
	fi

compose: ## Is docker-compose.yml well formed? Skipped where docker compose is not installed
	@if docker compose version >/dev/null 2>&1; then \
		docker compose --profile dashboards --profile listeners config --quiet; \
	else \
		echo "compose: SKIPPED, docker compose is not installed"; \
	fi

test: setup ## All tests, on a real Kafka, registry and Postgres; no Docker
	cargo test --workspace

# The suites that need nothing but HTTP; `cargo test` runs the same ones at stores of their own.
e2e: compilers ## The end-to-end tests at a running store (`make run`, compose): where ORDER_URL and the others say, else on the usual ports
	STORE=running cargo test --workspace --test e2e --test api

drill: compilers ## Kill each container of the store in Docker (`make up`) while orders are placed: is anything lost?
	STORE=compose cargo test --workspace --test drill

compat: setup ## Run the programs of the previous release beside these, on the same tables, topics and schemas: a rollout, and its way back
	@tests/compat/run "$(TARGET_DIR)/compat"

torture: setup ## Kill and ail every program and part under load for almost an hour; goes on where it was interrupted; ARGS="…" goes to torture
	cargo build --profile torture --workspace --bins --features messaging/fail-points
	"$(TARGET_DIR)/torture/torture" $(ARGS)

# The same build as the tests': the crate is optimised there too.
simulate: compilers ## Play histories of a store in memory: SEEDS says how many, SEED or TAPE plays one again, step by step
	@cargo run --quiet --package simulation --bin simulate -- \
		$(if $(TAPE),--tape $(TAPE),$(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),100000) --from $(or $(FROM),0)))

days: build ## Record the days that `make test` replays anew; docs/recorded-days.md says when one may. ARGS: see record-days --help
	"$(PROGRAMS)/record-days" $(ARGS)

mutants: compilers ## Put small faults into a copy of the project, one after the other: does a check see each? MUTANTS names some
	@tests/mutants/run "$(TARGET_DIR)/mutants" $(MUTANTS)

fuzz-api: ## Ask a running store (`make run`) thousands of things its documents allow or forbid; ORDER_URL and so on for another
	@tests/fuzz/run "$(TARGET_DIR)/fuzz"

fuzz-log: compilers ## Any bytes at all through everything of a consumer that is pure; CASES says how many records
	CASES=$(or $(CASES),1000000) cargo test --release --workspace --test log -- --nocapture

demo: setup ## A scripted day at the store, told as a story and checked at the end
	@"$(PROGRAMS)/counterflow" demo

run: setup ## Keep the store running on ports 8101 to 8105, and what listens beside it on those after, until Ctrl-C; its data stays
	@"$(PROGRAMS)/counterflow" run

new-listener: ## Make a listener, a service that reads the log and answers from it: NAME says how it is called
	@crates/listener/new "$(NAME)"

bench: setup ## Measure a store of its own and write bench.json; ARGS="…" goes to loadgen
	cargo build --release --workspace --bins
	"$(RELEASED)/loadgen" $(ARGS)

bench-log: setup ## Rebuild, audit, checkpoint and story at a log of a million events, made for it; writes bench-log.json; ARGS="…" goes to bench-log
	cargo build --release --workspace --bins
	"$(RELEASED)/bench-log" $(ARGS)

reset: build ## Forget the orders of `make run`; refused while it runs
	@"$(PROGRAMS)/stack" --dir .stack/run reset

clean-data: build ## Forget all data under .stack; refused while anything there runs
	@for dir in .stack/run .stack/demo .stack/bench .stack/bench-log .stack; do "$(PROGRAMS)/stack" --dir $$dir reset || exit 1; done

up: ## Start the store in Docker, built from this folder; COMPOSE_PROFILES=dashboards adds Grafana
	docker compose up --detach --build --wait
	@echo "The store is open; README.md has a first order. Traces: http://localhost:16686, mails: http://localhost:8025"

down: ## Stop what `make up` started; its data stays
	COMPOSE_PROFILES='*' docker compose down

logs: ## Follow what the store in Docker logs
	docker compose logs --follow --tail 100

compilers:
	@command -v cargo >/dev/null || \
		{ echo "cargo is missing: install Rust from https://rustup.rs, rust-toolchain.toml picks the version" >&2; exit 1; }
	@missing=; for tool in cc c++ bash; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ] && $(MAY_INSTALL); then \
		echo "setup: installing a C toolchain for$$missing"; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get -q update && apt-get -q -y install --no-install-recommends build-essential bash; \
	elif [ -n "$$missing" ]; then \
		echo "missing:$$missing; librdkafka and the TLS library are compiled: install a C and C++ toolchain" \
			"(Debian: build-essential, Fedora: gcc-c++ make, macOS: xcode-select --install)" >&2; exit 1; \
	fi

# Asked before the build: nobody should wait for minutes to hear it.
maven:
	@command -v mvn >/dev/null || { $(MAY_INSTALL); } || \
		{ echo "mvn is missing: install Maven (Debian: apt install maven, Fedora: dnf install maven, macOS: brew install maven)" >&2; exit 1; }
