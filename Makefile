# make demo runs the demo, make test all tests.
LOCAL := docker/local
.DEFAULT_GOAL := help
.PHONY: help demo test test-versions coverage mutants release install simulate bench-accuracy bench-anomalies bench-speed sql psql stop clean purge
export Q
PG_CONFIG ?= pg_config

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

demo: ## forecast 15 real homes, from an empty machine to HTTP
	@$(LOCAL)/demo.sh

test: ## set up all dependencies and run every test
	@$(LOCAL)/test.sh

test-versions: ## the extension's own tests on PostgreSQL 15, 16 and 18: MAJORS='16'
	@$(LOCAL)/versions.sh $(MAJORS)

coverage: ## how much of the core its own tests run, by file
	@$(LOCAL)/coverage.sh

mutants: ## change the core in small ways, and list what no test of it notices: ARGS='--file extension/core/src/meter/gauge.rs'
	@$(LOCAL)/mutants.sh $(ARGS)

release: ## packages, sources, licences and checksums, from a tag: make release TAG=v0.2.0
	@docker/package/release.sh $(TAG)

install: ## build the extension, and install it into the server of PG_CONFIG
	cargo pgrx install --release --pg-config $(PG_CONFIG) -p edf

bench-accuracy: ## forecast measured series with edf and its peers, and write the tables
	@bench/accuracy/bench.sh

bench-anomalies: ## faults in SIMULATED apartments and in copies of real homes: what alarms find, beside peers, and write the tables: ARGS='--apartments 60'
	@bench/anomalies/bench.sh $(ARGS)

bench-speed: ## time edf, a pipeline in Python and libxgboost alone, and write the table: N=12 for fewer buildings
	@bench/speed/bench.sh $(N)

simulate: ## replay a year, compare served forecasts with their backtest: ARGS='--weeks 26 --buildings homes-1-4'
	@bench/simulate_year/simulate.sh $(ARGS)

sql: ## run a statement on the demo database: make sql Q='select ...'
	@$(LOCAL)/psql.sh -c "$$Q"

psql: ## open psql on the demo database
	@$(LOCAL)/psql.sh

stop: ## stop the demo's servers
	@$(LOCAL)/stop.sh

clean: ## stop, and remove the databases of the demo and the tests
	@$(LOCAL)/stop.sh clean

purge: ## clean, and remove the build cache and the installed extension
	@$(LOCAL)/stop.sh purge
