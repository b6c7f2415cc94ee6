# leaktap.  `make` builds, `make demo` shows, `make check` tests; V=1 shows the commands.
# VARIANT: release (default), asan, tsan, fuzz - each in a folder of its own below build/.
PREFIX ?= /usr/local
# quiet before scripts/setup has installed it
PKG_CONFIG := $(if $(shell command -v pkg-config),pkg-config,true)
VARIANT ?= release
PKGS := libpcap libhs hiredis libcrypto libssl yaml-0.1 zlib libbrotlidec libzstd libxxhash
DIRS := base config capture classify classify/names classify/http classify/content \
        classify/content/documents classify/detect \
        classify/policy alerts cli
NDPI ?= $(shell $(PKG_CONFIG) --exists libndpi 2>/dev/null && echo 1 || echo 0)

ifeq ($(VARIANT),fuzz)
CC := clang
else
CC ?= gcc
endif
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
        -Wformat=2 -Wno-format-truncation -Wno-format-nonliteral
ifneq ($(findstring clang,$(CC)),)
WARN += -Wno-unknown-warning-option -Wno-gnu-flexible-array-initializer
endif
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_release := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
FLAGS_asan := -O1 $(SAN) -fno-omit-frame-pointer -fPIE
FLAGS_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer -fPIE
FLAGS_fuzz := -O1 $(SAN) -fsanitize=fuzzer-no-link -fno-omit-frame-pointer -fPIE
LINK_release := -pie -Wl,-z,relro,-z,now
LINK_asan := $(SAN) -pie
LINK_tsan := -fsanitize=thread -pie
LINK_fuzz := $(SAN) -fsanitize=fuzzer

B := build/$(VARIANT)
CPPFLAGS += -I. -D_GNU_SOURCE -DPREFIX='"$(PREFIX)"' -DHAVE_NDPI=$(NDPI) -isystem /usr/include/hs \
            $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null | sed 's/-I\//-isystem \//g')
ifeq ($(NDPI),1)
PKGS += libndpi
endif
CFLAGS ?= -g
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(FLAGS_$(VARIANT)) $(WARN) -pthread
LDLIBS = $(shell $(PKG_CONFIG) --libs $(PKGS)) -lm -pthread
# what tests hold our own readers against
TEST_LIBS = $(shell $(PKG_CONFIG) --libs libnghttp2 libbrotlienc libzstd)

SRC := $(foreach d,$(DIRS),$(wildcard $(d)/*.c))
OBJ := $(SRC:%.c=$(B)/%.o)
LIB_OBJ := $(filter-out $(B)/cli/main.o,$(OBJ))
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,build/fuzz/bin/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/bench_*.c))
C_FILES = $(shell git ls-files '*.c' '*.h')
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) $(2))

.PHONY: all setup demo check check-threads unit fuzz bench bench-programs install uninstall format lint clean captures
all: build/leaktap

build/leaktap: build/release/leaktap
	$(Q)ln -sf release/leaktap $@

$(B)/leaktap: $(OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LINK_$(VARIANT)) -o $@ $(OBJ) $(LDFLAGS) $(LDLIBS)

$(B)/libleaktap.a: $(LIB_OBJ)
	$(Q)rm -f $@ && ar crs $@ $(LIB_OBJ)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/unit/%: tests/unit/%.c $(B)/libleaktap.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LINK_$(VARIANT)) -o $@ $< $(B)/libleaktap.a -lcmocka $(LDLIBS) $(TEST_LIBS)

$(B)/e2e/%: tests/e2e/%.c $(B)/libleaktap.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LINK_$(VARIANT)) -o $@ $< $(B)/libleaktap.a $(LDLIBS)

$(B)/bench/%: tests/bench/%.c $(B)/libleaktap.a
	@mkdir -p $(@D)
	$(call say,BENCH,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LINK_$(VARIANT)) -o $@ $< $(B)/libleaktap.a -lcmocka $(LDFLAGS) $(LDLIBS) $(TEST_LIBS)

build/fuzz/bin/%: tests/fuzz/%.c $(B)/libleaktap.a
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LINK_fuzz) -o $@ $< $(B)/libleaktap.a $(LDLIBS) $(TEST_LIBS)

unit: $(UNIT)
fuzz: $(FUZZ)
bench-programs: $(BENCH)

setup:
	@scripts/setup
demo:
	@scripts/setup
	@$(MAKE) --no-print-directory -j $$(nproc) all
	@scripts/demo
check:
	@scripts/setup test
	@tests/run
check-threads:
	@scripts/setup test
	@tests/run-threads
bench:
	@scripts/setup test
	@$(MAKE) --no-print-directory all bench-programs $(B)/e2e/alert_source
	@scripts/bench
# make fuzz-NAME: until stopped, over tests/corpus/NAME
fuzz-%:
	@$(MAKE) --no-print-directory VARIANT=fuzz build/fuzz/bin/fuzz_$*
	@mkdir -p build/fuzz/corpus/$*
	build/fuzz/bin/fuzz_$* build/fuzz/corpus/$* $(wildcard tests/corpus/$*)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/leaktap/catalogue \
	  $(DESTDIR)$(PREFIX)/share/leaktap/detectors $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
	  $(DESTDIR)$(PREFIX)/share/doc/leaktap/examples
	install -m 755 build/release/leaktap $(DESTDIR)$(PREFIX)/bin/leaktap
	install -m 644 config/catalogue/*.yaml $(DESTDIR)$(PREFIX)/share/leaktap/catalogue/
	install -m 644 config/detectors/*.yaml $(DESTDIR)$(PREFIX)/share/leaktap/detectors/
	install -m 644 config/*.yaml $(DESTDIR)$(PREFIX)/share/leaktap/
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 docs/*.md docs/records.schema.json $(DESTDIR)$(PREFIX)/share/doc/leaktap/
	install -m 755 docs/examples/consumer.py docs/examples/consumer-short.py $(DESTDIR)$(PREFIX)/share/doc/leaktap/examples/
uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/leaktap $(DESTDIR)$(PREFIX)/share/leaktap $(DESTDIR)$(PREFIX)/share/doc/leaktap \
	  $(patsubst docs/man/%,$(DESTDIR)$(PREFIX)/share/man/man1/%,$(wildcard docs/man/*.1)) \
	  $(patsubst docs/man/%,$(DESTDIR)$(PREFIX)/share/man/man5/%,$(wildcard docs/man/*.5))

format:
	clang-format -i $(C_FILES)
lint:
	@scripts/lint
clean:
	rm -rf build

-include $(OBJ:.o=.d) $(UNIT:=.d) $(FUZZ:=.d) $(BENCH:=.d) $(wildcard $(B)/e2e/*.d)
