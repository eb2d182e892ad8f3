# Everything is built below WO_BUILD; nothing else is written but installed packages and the
# extension's own files in the server's directories.
export WO_BUILD ?= $(CURDIR)/target
# Where the command wo goes: PREFIX/bin. DESTDIR is put before it, for packages.
export PREFIX ?= /usr/local
export DESTDIR
PG_CONFIG ?= /usr/lib/postgresql/15/bin/pg_config

.DEFAULT_GOAL := help
.PHONY: help build install uninstall test test-one test-full soak bench bench-full bench-plot demo demo-stop docs doc clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Install what is missing, build for PostgreSQL 15 (Debian's) and install there
	@.ci/packages tools server
	@.ci/build 15

install: ## Build for the server of PG_CONFIG=/path/to/pg_config and install there; the command wo goes to PREFIX/bin
	@.ci/packages tools
	@.ci/build "$(PG_CONFIG)"
	@.ci/cli install

uninstall: ## Remove the extension's files from the server of PG_CONFIG; sql/removal.sql removes it from a database
	@.ci/uninstall "$(PG_CONFIG)"

test: ## Run everything that CI runs, on PostgreSQL 15 and 18, and on 16 what depends on the server
	@.ci/test

test-one: ## Run the cluster tests whose name contains NAME, on PostgreSQL 15
	@.ci/test-one $(NAME)

test-full: ## The same with the large counts: a hundred rounds of kills (WO_SOAK_ROUNDS), all suites on each version, a server with assertions
	@WO_FULL=1 WO_SOAK_ROUNDS=$${WO_SOAK_ROUNDS:-100} .ci/test

soak: build ## Kill the server a hundred times under load (WO_SOAK_ROUNDS), and hold everything against everything
	@.ci/soak

bench: build ## Measure against the floor and the peers, in minutes; PARTS="transition peers" for some
	@benches/run $(PARTS)

bench-full: build ## The same with every size, in hours
	@benches/run --full $(PARTS)

bench-plot: ## Draw the newest results once more
	@benches/run --plot

demo: build ## Start a throwaway cluster and take work orders through their lifecycles
	@.ci/demo start

demo-stop: ## Stop the demo's cluster and remove its data
	@.ci/demo stop

docs: ## Make the book of docs/ below WO_BUILD
	@.ci/docs

doc: build ## Write the Rust documentation below WO_BUILD
	@.ci/doc

clean: demo-stop ## Remove the build directory
	rm -rf "$(WO_BUILD)"
