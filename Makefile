# SPDX-License-Identifier: MIT
#
# Pushmark's one Makefile.  `make help` lists the targets.
#
#   make                          build/release/bin/*
#   make CC=clang BUILD=build/clang
#   make test SAN=address,undefined
#   make test T='room/*'          only the tests that match
#   make V=1 WERROR=1             whole commands, warnings are errors
#
# Each layer is one archive, and its test program links with that archive and
# the ones below it only, so that an upward call is a link error.

SHELL := /bin/sh
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

ifeq ($(origin CC),default)
CC := gcc
endif
AR := ar
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
NODE ?= node
NPM ?= npm
FUZZ_SECONDS ?= 60
BENCH_ARGS ?=
MICRO_ARGS ?=

# --- Variants ---------------------------------------------------------------

comma := ,
ifneq ($(COVERAGE),)
VARIANT := coverage
else ifneq ($(FUZZER),)
VARIANT := fuzz
else ifneq ($(SAN),)
VARIANT := san-$(subst $(comma),-,$(SAN))
else
VARIANT := release
endif
BUILD ?= build/$(VARIANT)
B := $(BUILD:/=)

ifneq ($(COVERAGE),)
CFLAGS ?= -O0 -g
VARIANT_FLAGS := --coverage
else ifneq ($(FUZZER)$(SAN),)
CFLAGS ?= -O1 -g
VARIANT_FLAGS := -fno-omit-frame-pointer -fno-sanitize-recover=all \
	-fsanitize=$(SAN)$(if $(FUZZER),$(comma)fuzzer-no-link)
else
CFLAGS ?= -O2 -g
VARIANT_FLAGS := -fstack-protector-strong \
	$(if $(findstring -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wformat=2 \
	-Werror=implicit-function-declaration $(if $(WERROR),-Werror)

# pkg-config is asked when a recipe first needs the answer, since `make deps`
# may be what installs it, and once only.
lazy = $(eval $1 := $(shell $2))$($1)
PC_CFLAGS = $(call lazy,PC_CFLAGS,$(PKG_CONFIG) --cflags \
	libmicrohttpd gnutls libcjson)
PC_BASE = $(call lazy,PC_BASE,$(PKG_CONFIG) --libs gnutls)
PC_WIRE = $(call lazy,PC_WIRE,$(PKG_CONFIG) --libs libcjson)
PC_HTTP = $(call lazy,PC_HTTP,$(PKG_CONFIG) --libs libmicrohttpd)
PC_TEST_CFLAGS = $(call lazy,PC_TEST_CFLAGS,$(PKG_CONFIG) --cflags criterion)
PC_TEST = $(call lazy,PC_TEST,$(PKG_CONFIG) --libs criterion)

LIBS_base = $(PC_BASE) -lm -pthread
LIBS_wire = -lwslay $(PC_WIRE) -lz $(LIBS_base)
LIBS_http = $(PC_HTTP) $(LIBS_wire)

ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -I. $(WARNINGS) -fPIE -pthread \
	$(VARIANT_FLAGS) $(CPPFLAGS) $(CFLAGS) $(PC_CFLAGS)
ALL_LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed \
	$(VARIANT_FLAGS) $(CFLAGS) $(LDFLAGS)

# --- What is printed --------------------------------------------------------

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n' $1 $2
endif

# --- Sources, archives and programs -----------------------------------------

ALL_C := $(wildcard servers/*.c servers/*/*.c clients/*.c bench/*.c bench/*/*.c)
ALL_H := $(wildcard servers/*.h servers/*/*.h clients/*.h bench/*.h bench/*/*.h)

# Tests, fuzz entries and test doubles stay out of the archives.
tests_of = $(wildcard $1/*_test.c)
fuzz_of = $(wildcard $1/*_fuzz.c)
fuzz_name = $(patsubst %_fuzz.c,%,$(notdir $1))
doubles_of = $(wildcard $1/fake_*.c $1/test_*.c)
product_of = $(filter-out $1/main.c $1/fuzz_main.c $(call tests_of,$1) \
	$(call fuzz_of,$1) $(call doubles_of,$1),$(wildcard $1/*.c))
objs = $(patsubst %.c,$(B)/%.o,$1)
libs = $(patsubst %,$(B)/lib%.a,$1)

FUZZ_MAIN := servers/base/fuzz_main.c
CORE_DOUBLES := $(call doubles_of,servers/core)

TEST_PROGRAMS :=
FUZZ_PROGRAMS :=
FUZZERS :=
ARCHIVES :=

# $(call layer,name,folder,lower archives,libraries,more test objects)
define layer
ARCHIVES += $(B)/lib$1.a
$(B)/lib$1.a: $(call objs,$(call product_of,$2))
ifneq ($(call tests_of,$2),)
TEST_PROGRAMS += $(B)/test/$1
$(B)/test/$1: $(call objs,$(sort $(call tests_of,$2) $(call doubles_of,$2) $5)) \
		$(call libs,$1 $3)
$(B)/test/$1: LINK_LIBS = $$(PC_TEST) $$(LIBS_$4)
endif
$(foreach f,$(call fuzz_of,$2),$(call fuzzer,$1,$f,$3,$4))
endef

# $(call fuzzer,layer,source,lower archives,libraries)
define fuzzer
FUZZ_PROGRAMS += $(B)/fuzz/$1/$(call fuzz_name,$2)
FUZZERS += $(B)/fuzz/$1/$(call fuzz_name,$2):$(dir $2)corpus/$(call fuzz_name,$2)
$(B)/fuzz/$1/$(call fuzz_name,$2): $(call objs,$2) \
		$(if $(FUZZER),,$(call objs,$(FUZZ_MAIN))) $(call libs,$1 $3)
$(B)/fuzz/$1/$(call fuzz_name,$2): LINK_LIBS = \
	$(if $(FUZZER),-fsanitize=fuzzer) $$(LIBS_$4)

endef

# It is part of the program (bench/run/schema.c).
$(call objs,bench/run/schema.c): results/schema.json

# $(call program,name,main source,archives,libraries)
define program
ifneq ($(wildcard $2),)
PROGRAMS += $(B)/bin/$1
$(B)/bin/$1: $(call objs,$2) $(call libs,$3)
$(B)/bin/$1: LINK_LIBS = $$(LIBS_$4)
endif
endef

below_http := core wire base
below_dialect := http $(below_http)
below_backend := dialect $(below_dialect)
below_server := ws longpoll sse dialect http redis app core wire base
below_report := run load link clients wire base
below_bench := report $(below_report)

$(eval $(call layer,base,servers/base,,base,))
$(eval $(call layer,wire,servers/wire,base,wire,))
$(eval $(call layer,core,servers/core,wire base,wire,))
$(eval $(call layer,redis,servers/redis,core wire base,wire,$(CORE_DOUBLES)))
$(eval $(call layer,app,servers/app,core wire base,wire,$(CORE_DOUBLES)))
$(eval $(call layer,http,servers/http,$(below_http),http,$(CORE_DOUBLES)))
$(eval $(call layer,dialect,servers/dialect,$(below_dialect),http,$(CORE_DOUBLES)))
$(foreach b,ws longpoll sse,$(eval $(call \
	layer,$b,servers/$b,dialect http app core wire base,http,$(CORE_DOUBLES))))
$(eval $(call layer,clients,clients,wire base,wire,))
$(eval $(call layer,load,bench/load,clients wire base,wire,))
$(eval $(call layer,run,bench/run,load link clients wire base,wire,))
$(eval $(call layer,report,bench/report,$(below_report),wire,))
$(eval $(call layer,link,bench/link,base,base,))
$(eval $(call layer,micro,bench/micro,report run wire base,wire,))
$(eval $(call layer,counters,bench/counters,base,wire,))
$(eval $(call layer,server,servers,$(below_server),http,$(CORE_DOUBLES)))
$(eval $(call layer,bench,bench,$(below_bench),wire,))

PROGRAMS :=
$(eval $(call program,pushmark-server,servers/main.c,server $(below_server),http))
$(eval $(call program,pushmark-client,clients/main.c,clients wire base,wire))
$(eval $(call program,pushmark,bench/main.c,bench $(below_bench),wire))
$(eval $(call program,pushmark-bare,bench/peers/bare.c,load clients wire base,wire))
$(eval $(call program,pushmark-sse-mhd,bench/peers/sse_mhd.c,wire base,http))
$(eval $(call program,pushmark-counters,bench/counters/main.c,counters report run load link clients wire base,wire))
$(eval $(call program,pushmark-prove,bench/prove/main.c,load clients wire base,wire))
$(eval $(call program,pushmark-micro,bench/micro/main.c,micro report run link wire base,wire))

# --- Building ---------------------------------------------------------------

all: $(PROGRAMS) $(ARCHIVES) ## Build the programs into build/release/bin
	@:

tests: $(TEST_PROGRAMS) $(FUZZ_PROGRAMS) ## Build the test programs, run nothing
	@:

# The stamps change only when their text does, so that other flags rebuild
# everything, and a source that comes or goes re-makes the archives.
$(B)/flags.stamp: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' > $@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@

$(B)/sources.stamp: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(ALL_C) > $@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@

$(B)/%.o: %.c $(B)/flags.stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%_test.o: ALL_CFLAGS += $(PC_TEST_CFLAGS)

# The lab page is part of the server. Its Socket.IO client is the official
# bundle, which npm gets once for all variants; LAB_BUNDLE=FILE takes another.
LAB_BUNDLE ?= build/web/socket.io.min.js
LAB_FLAGS = -DLAB_BUNDLE='"$(LAB_BUNDLE)"'
$(B)/servers/lab_assets.o: $(wildcard clients/web/*) $(LAB_BUNDLE)
$(B)/servers/lab_assets.o: ALL_CFLAGS += $(LAB_FLAGS)

build/web/socket.io.min.js: clients/web/package-lock.json
	$(call say,NPM,socket.io-client)
	@mkdir -p $(@D)
	@cp clients/web/package.json clients/web/package-lock.json $(@D)
	@cd $(@D) && $(NPM) ci --ignore-scripts --no-audit --no-fund \
		>npm.log 2>&1 || { cat npm.log >&2; \
		echo "npm could not get socket.io-client;" \
			"LAB_BUNDLE=FILE names one that is there" >&2; exit 1; }
	@cp $(@D)/node_modules/socket.io-client/dist/$(@F) $@

$(ARCHIVES): $(B)/sources.stamp
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(PROGRAMS) $(TEST_PROGRAMS) $(FUZZ_PROGRAMS): $(B)/flags.stamp $(B)/sources.stamp
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LINK_LIBS)

-include $(patsubst %.c,$(B)/%.d,$(ALL_C))

# --- Testing ----------------------------------------------------------------

DEPS = @CC='$(CC)' NODE='$(NODE)' NPM='$(NPM)' .ci/deps

deps: ## Install what building and benchmarking need, if it is missing
	$(DEPS) build

deps-unit:
	$(DEPS) build unit

deps-lint:
	$(DEPS) build lint

deps-fuzz:
	@CC=clang NODE='$(NODE)' NPM='$(NPM)' .ci/deps build fuzz

deps-counters:
	$(DEPS) build counters

# What cannot be had is said, and left out of the comparison.
deps-peers:
	-$(DEPS) build peers

deps-test:
	$(DEPS) build test

# A make of its own, since what `deps` installs is looked for on start.
SUBMAKE = +@$(MAKE) --no-print-directory
RUN_TESTS = @B='$(B)' T='$(T)' NODE='$(NODE)' NPM='$(NPM)' \
	TESTS='$(TEST_PROGRAMS)' FUZZERS='$(FUZZERS)' .ci/test

test: deps-test ## Run unit tests, fuzz corpora and e2e (T='room/*' picks)
	$(SUBMAKE) all tests
	$(RUN_TESTS) unit corpus $(if $(T),,e2e)

test-unit: deps-unit ## Run unit tests and fuzz corpora only
	$(SUBMAKE) tests
	$(RUN_TESTS) unit corpus

e2e: deps-test ## Run the contract suite in clients/e2e (T= picks by name)
	$(SUBMAKE) all
	$(RUN_TESTS) e2e

fuzz: deps-fuzz ## Run each fuzz entry for FUZZ_SECONDS (60) under clang's libFuzzer
	$(SUBMAKE) CC=clang FUZZER=1 SAN=address,undefined fuzz-run

fuzz-run: $(FUZZ_PROGRAMS)
	@for f in $(FUZZERS); do \
		program=$${f%%:*}; \
		echo "  FUZZ    $$program"; \
		found=$(B)/found/$${program#$(B)/fuzz/}; \
		mkdir -p $$found $${f#*:}; \
		$$program -max_total_time=$(FUZZ_SECONDS) -print_final_stats=0 \
			-verbosity=0 -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix=$$found/ $$found $${f#*:} || exit 1; \
	done

coverage: deps-unit ## Print the unit tests' line coverage, file by file
	$(SUBMAKE) COVERAGE=1 coverage-run

coverage-run: tests
	@find $(B) -name '*.gcda' -delete
	$(RUN_TESTS) unit corpus >$(B)/coverage.tests || \
		{ cat $(B)/coverage.tests; exit 1; }
	@B='$(B)' .ci/coverage

# --- Format and lint --------------------------------------------------------

FORMATTED := $(sort $(ALL_C) $(ALL_H))

format: deps-lint ## Rewrite the sources with clang-format
	@clang-format -i $(FORMATTED)

format-check: deps-lint ## Fail when clang-format would change a source
	@rc=0; for f in $(FORMATTED); do \
		clang-format $$f | diff -u --label $$f --label 'make format' \
			$$f - || rc=1; \
	done; exit $$rc

# A stamp says that a file passed as it is now, so that a second run is quick.
TIDY := $(patsubst %,$(B)/lint/%.tidy,$(ALL_C))
ANALYZED := $(patsubst %,$(B)/lint/%.analyzer,$(call product_of,servers/base) \
	$(call product_of,servers/wire))
# Criterion's macros are complex, tests tell long stories, and their tables hold
# strings of several lines. ctuuninitvar is wrong about our out parameters.
TIDY_TEST_FLAGS = --checks=-readability-function-*,-bugprone-suspicious-missing-comma
LINT_FLAGS = -std=c17 -D_GNU_SOURCE -I. $(LAB_FLAGS) $(PC_CFLAGS)

lint: deps-lint ## Run clang-tidy, cppcheck and gcc -fanalyzer
	$(SUBMAKE) lint-run

lint-run: $(TIDY) $(ANALYZED) $(B)/lint/cppcheck
	@:

# The dependencies of a stamp are found on the way, as those of an object are.
$(B)/lint/%.tidy: % .clang-tidy Makefile
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	@clang $(LINT_FLAGS) -MM -MP -MT $@ -MF $@.d $<
	$(Q)clang-tidy --quiet $(if $(filter %_test.c,$<),$(TIDY_TEST_FLAGS)) \
		$< -- $(LINT_FLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@

$(B)/lint/%.analyzer: % Makefile
	$(call say,ANALYZE,$<)
	@mkdir -p $(@D)
	$(Q)gcc $(LINT_FLAGS) -O1 -fanalyzer -Werror -MMD -MP -MT $@ -MF $@.d \
		-c -o /dev/null $<
	@touch $@

$(B)/lint/cppcheck: $(ALL_C) $(ALL_H) Makefile
	$(call say,CPPCHK,'$(words $(ALL_C)) files')
	@mkdir -p $(@D)/cppcheck.cache
	$(Q)cppcheck --quiet --std=c11 -D_GNU_SOURCE -I. -j 2 --inline-suppr \
		--enable=warning,performance,portability --error-exitcode=1 \
		--suppress=missingInclude --suppress=missingIncludeSystem \
		--suppress=ctuuninitvar \
		--cppcheck-build-dir=$(@D)/cppcheck.cache \
		$(filter-out %_test.c,$(ALL_C))
	@touch $@

-include $(wildcard $(TIDY:=.d) $(ANALYZED:=.d))

# --- Measuring --------------------------------------------------------------

bench: deps ## Compare the backends with the quick suite (BENCH_ARGS=...)
	$(SUBMAKE) all
	$(B)/bin/pushmark run $(BENCH_ARGS)

bench-micro: deps ## Time a message's work beside wslay's (MICRO_ARGS=--instructions)
	$(SUBMAKE) all
	$(B)/bin/pushmark-micro $(MICRO_ARGS)

# Counts repeat where times do not. CHECK=1 fails above the baseline that
# UPDATE=1 writes; it has been made with Debian's gcc.
bench-counters: deps-counters ## Count a delivery's instructions and calls (CHECK=1, UPDATE=1)
	$(SUBMAKE) all
	$(B)/bin/pushmark-counters $(if $(CHECK),--check) $(if $(UPDATE),--update)

# On real time, so on a machine that does nothing else.
bench-prove: deps ## Show that known delays and stalls are reported as they are
	$(SUBMAKE) all
	$(B)/bin/pushmark-prove

# npm has what runs on Node.js, and Bun. `ci` goes by the lock file.
PEERS_LOCK := bench/peers/package-lock.json
peers: deps-peers ## Install the servers that ours are compared with
	@cmp -s $(PEERS_LOCK) bench/peers/node_modules/.installed || { \
		echo '  NPM     bench/peers'; \
		cd bench/peers && $(NPM) ci --no-audit --no-fund \
			--loglevel=error && \
		cp package-lock.json node_modules/.installed; } || \
		echo 'peers: npm could not install its packages' >&2

OWN_TARGETS := ws longpoll longpoll+upgrade sse
bench-peers: peers ## Compare ours with other servers (PEERS='node-ws ...' BENCH_ARGS=...)
	$(SUBMAKE) all
	@peers=$$($(NODE) bench/peers/present.mjs $(B)/bin $(PEERS)) && \
		$(B)/bin/pushmark run $(OWN_TARGETS:%=--target %) $$peers \
			$(BENCH_ARGS)

report: deps ## Write the newest results' report again (REPORT_ARGS=...)
	$(SUBMAKE) all
	$(B)/bin/pushmark report $(REPORT_ARGS)

# --- Installing and the rest ------------------------------------------------

DATA := $(wildcard bench/scenarios/* bench/targets/* bench/peers/*.mjs \
	bench/peers/*.json bench/peers/*.sh)

install: all ## Install into $(DESTDIR)$(PREFIX), /usr/local by default
	install -d $(DESTDIR)$(PREFIX)/bin
	install $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	@for f in $(DATA); do \
		install -Dm 644 $$f $(DESTDIR)$(PREFIX)/share/pushmark/$$f; \
	done
	@for f in $(wildcard docs/man/*.1); do \
		install -Dm 644 $$f $(DESTDIR)$(PREFIX)/share/man/man1/$${f##*/}; \
	done

clean: ## Remove what was built
	rm -rf build $(B)

help: ## Explain the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' \
		$(firstword $(MAKEFILE_LIST))

.PHONY: all tests test test-unit e2e fuzz fuzz-run coverage coverage-run \
	deps deps-unit deps-test deps-fuzz deps-lint deps-peers deps-counters format \
	format-check lint lint-run bench bench-micro bench-counters bench-prove bench-peers peers report install clean help FORCE
