# cdc_ingest: build with PGXS.
#
#   make [PG_CONFIG=...] [MYSQL_CONFIG=...]    build
#   make install                               install the module and its SQL
#   make installcheck                          pg_regress and isolation tests
#   make check-unit                            tests of the layers below PostgreSQL
#   make format, make format-check             clang-format, see there
#   make dist [DIST_DIR=...]                   the archive of a release
#   make WITH_REGISTRY=no                      without libcurl: no schema registries, though Avro
#   make WITH_PROTOBUF=no                      without libprotobuf: no messages in Protobuf
#
# MYSQL_CONFIG names the mysql_config or mariadb_config of the client library
# to link; without it libmariadb is preferred, then Oracle's libmysqlclient.
# CI=true turns warnings into errors.

EXTENSION = cdc_ingest
EXTVERSION = 0.1.0
MODULE_big = cdc_ingest
OBJS = $(sort $(patsubst %.c,%.o,$(filter-out $(HTTP_SOURCES) $(PROTOC_SOURCES),$(wildcard src/*/*.c src/pg/*/*.c))))

# A module of its own, loaded when a schema registry is asked: libcurl.
HTTP_SOURCES = $(wildcard src/http/*.c src/pg/http/*.c)
HTTP_MODULE = cdc_ingest_http
HTTP_OBJS = $(sort $(patsubst %.c,%.o,$(HTTP_SOURCES))) src/core/status.o

# Another one, loaded when a schema of Protobuf is read: libprotobuf, and so C++.
PROTOC_SOURCES = $(wildcard src/protoc/*.c src/pg/protoc/*.c)
PROTOC_CXX_SOURCES = $(wildcard src/protoc/*.cc)
PROTOC_MODULE = cdc_ingest_protobuf
PROTOC_CXX_OBJS = $(PROTOC_CXX_SOURCES:.cc=.o)
PROTOC_OBJS = $(sort $(PROTOC_SOURCES:.c=.o)) $(PROTOC_CXX_OBJS) src/core/status.o
SQL_SOURCES = $(sort $(wildcard src/sql/[0-9][0-9]_*.sql))
DATA_built = $(EXTENSION)--$(EXTVERSION).sql
EXTRA_CLEAN = $(OBJS:.o=.d) $(HTTP_OBJS) $(HTTP_OBJS:.o=.d) $(HTTP_MODULE)$(DLSUFFIX) \
	$(PROTOC_OBJS) $(PROTOC_OBJS:.o=.d) $(PROTOC_MODULE)$(DLSUFFIX) results regression.diffs regression.out output_iso tmp_check

PG_CONFIG ?= pg_config
PKG_CONFIG ?= pkg-config
WITH_REGISTRY ?=
WITH_PROTOBUF ?=

# Greenplum runs the tests whose SQL PostgreSQL 9.4 can parse, and its own, gp_*.  The first
# one wants a database without the extension.
ALL_TESTS = $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))
ifneq ($(shell grep -s GP_VERSION_NUM "$$($(PG_CONFIG) --includedir-server)/pg_config.h"),)
REGRESS = $(filter portable_% gp_% jsonb_parse jsonb_writer,$(ALL_TESTS))
else
REGRESS = extension $(filter-out extension gp_%,$(ALL_TESTS))
ISOLATION = $(sort $(patsubst specs/%.spec,%,$(wildcard specs/*.spec)))
endif
ifeq ($(ISOLATION),)
undefine ISOLATION
endif

# --- the client library of MySQL or MariaDB
pkg_exists = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo yes)
ifneq ($(MYSQL_CONFIG),)
MYSQL_CFLAGS := $(shell $(MYSQL_CONFIG) --include)
MYSQL_LIBS := $(shell $(MYSQL_CONFIG) --libs)
else ifeq ($(call pkg_exists,libmariadb),yes)
MYSQL_CFLAGS := $(shell $(PKG_CONFIG) --cflags libmariadb)
MYSQL_LIBS := $(shell $(PKG_CONFIG) --libs libmariadb)
else ifneq ($(shell command -v mariadb_config),)
MYSQL_CFLAGS := $(shell mariadb_config --include)
MYSQL_LIBS := $(shell mariadb_config --libs)
else ifeq ($(call pkg_exists,mysqlclient),yes)
MYSQL_CFLAGS := $(shell $(PKG_CONFIG) --cflags mysqlclient)
MYSQL_LIBS := $(shell $(PKG_CONFIG) --libs mysqlclient)
else ifneq ($(shell command -v mysql_config),)
MYSQL_CFLAGS := $(shell mysql_config --include)
MYSQL_LIBS := $(shell mysql_config --libs)
else ifeq ($(filter clean distclean dist,$(MAKECMDGOALS)),)
$(error no client library of MySQL or MariaDB found: install libmariadb-dev or libmysqlclient-dev, or set MYSQL_CONFIG)
endif

# --- zlib and zstd: compressed binlog events; libcrypto: logging in to MySQL;
# librdkafka: Kafka sources;
# libdeflate, where it is there: checksums, some times faster than zlib's
OTHER_LIBS := zlib libzstd libcrypto
ifeq ($(call pkg_exists,libdeflate),yes)
OTHER_LIBS += libdeflate
DEFINES += -DCDC_HAVE_LIBDEFLATE
endif
ifneq ($(wildcard src/source/kafka.c),)
OTHER_LIBS += rdkafka
endif
# schema registries, where libcurl is there or WITH_REGISTRY=yes asks for it
ifeq ($(WITH_REGISTRY),)
WITH_REGISTRY := $(if $(filter yes,$(call pkg_exists,libcurl)),yes,no)
endif
ifneq ($(WITH_REGISTRY),no)
DEFINES += -DCDC_WITH_REGISTRY
CURL_CFLAGS := $(shell $(PKG_CONFIG) --cflags libcurl 2>/dev/null)
CURL_LIBS := $(shell $(PKG_CONFIG) --libs libcurl 2>/dev/null || echo -lcurl)
endif
# messages in Protobuf, where libprotobuf (before it took up Abseil), the headers of its parser
# and a compiler of C++ are there, or WITH_PROTOBUF=yes asks for them
PROTOBUF_INCLUDE := $(shell $(PKG_CONFIG) --variable=includedir protobuf 2>/dev/null)
ifeq ($(WITH_PROTOBUF),)
WITH_PROTOBUF := $(if $(and $(filter yes,$(shell $(PKG_CONFIG) --atleast-version=3.6 protobuf 2>/dev/null && \
	$(PKG_CONFIG) --max-version=3.21.99 protobuf && echo yes)),$(wildcard \
	$(PROTOBUF_INCLUDE)/google/protobuf/compiler/parser.h),$(shell command -v $(CXX))),yes,no)
endif
ifneq ($(WITH_PROTOBUF),no)
DEFINES += -DCDC_WITH_PROTOBUF
PROTOBUF_CFLAGS := $(shell $(PKG_CONFIG) --cflags protobuf 2>/dev/null)
PROTOBUF_LIBS := $(shell $(PKG_CONFIG) --libs protobuf 2>/dev/null || echo -lprotobuf)
endif
OTHER_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(OTHER_LIBS) 2>/dev/null)
OTHER_LDLIBS := $(shell $(PKG_CONFIG) --libs $(OTHER_LIBS) 2>/dev/null || \
	echo $(patsubst %,-l%,$(patsubst lib%,%,$(patsubst zlib,z,$(OTHER_LIBS)))))

# PostgreSQL's own inline functions need the three exceptions.
WARNINGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
ifeq ($(CI),true)
WARNINGS += -Werror
endif

# Now, as some servers' makefiles have variables of the same names.
PG_CPPFLAGS := -Isrc $(DEFINES) $(MYSQL_CFLAGS) $(OTHER_CFLAGS) -std=gnu11 $(WARNINGS) \
	-fvisibility=hidden -MMD -MP
SHLIB_LINK := $(MYSQL_LIBS) $(OTHER_LDLIBS) -lpthread

# Bitcode for inlining into JIT-compiled queries brings nothing here.
override with_llvm := no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(DATA_built): $(SQL_SOURCES) cdc_ingest.control
	cat $(SQL_SOURCES) > $@.tmp && mv $@.tmp $@

ifneq ($(WITH_REGISTRY),no)
$(HTTP_MODULE)$(DLSUFFIX): $(HTTP_OBJS)
	$(CC) $(CFLAGS) -shared -o $@ $(HTTP_OBJS) $(LDFLAGS) $(CURL_LIBS) -lpthread

$(patsubst %.c,%.o,$(HTTP_SOURCES)): override CPPFLAGS += $(CURL_CFLAGS)

all: $(HTTP_MODULE)$(DLSUFFIX)

install: install-http
.PHONY: install-http
install-http: $(HTTP_MODULE)$(DLSUFFIX) installdirs
	$(INSTALL_SHLIB) $< '$(DESTDIR)$(pkglibdir)/$<'
endif

ifneq ($(WITH_PROTOBUF),no)
# The flags of PGXS are C's; no exception leaves the module, so that the server sees no C++.
PROTOC_CXXFLAGS = -std=c++17 -O2 -g -fPIC -fvisibility=hidden -MMD -MP -Isrc $(PROTOBUF_CFLAGS) \
	$(WARNINGS) -Wno-unused-parameter
$(PROTOC_CXX_OBJS): %.o: %.cc
	$(CXX) $(PROTOC_CXXFLAGS) -c -o $@ $<

$(PROTOC_MODULE)$(DLSUFFIX): $(PROTOC_OBJS)
	$(CXX) -shared -o $@ $(PROTOC_OBJS) $(LDFLAGS) $(PROTOBUF_LIBS) -lpthread

all: $(PROTOC_MODULE)$(DLSUFFIX)

install: install-protobuf
.PHONY: install-protobuf
install-protobuf: $(PROTOC_MODULE)$(DLSUFFIX) installdirs
	$(INSTALL_SHLIB) $< '$(DESTDIR)$(pkglibdir)/$<'
endif

uninstall: uninstall-modules
.PHONY: uninstall-modules
uninstall-modules:
	rm -f '$(DESTDIR)$(pkglibdir)/$(HTTP_MODULE)$(DLSUFFIX)' '$(DESTDIR)$(pkglibdir)/$(PROTOC_MODULE)$(DLSUFFIX)'

-include $(OBJS:.o=.d) $(HTTP_OBJS:.o=.d) $(PROTOC_OBJS:.o=.d)

# Tests of the pure layers need no PostgreSQL.
.PHONY: check-unit format format-check dist
check-unit:
	$(MAKE) -C test/unit check

# clang-format with the tree's .clang-format comes close to PostgreSQL's style, but not all
# the way (comments behind declarations, columns of #defines): what it does to a file is
# to be looked at.  The check fails where clang-format does, and tells how far it is.
CLANG_FORMAT ?= $(firstword $(shell for c in clang-format clang-format-14; do command -v $$c; done) clang-format)
FORMAT_FILES ?= $(sort $(wildcard src/*/*.[ch] src/pg/*/*.[ch]))
format:
	$(CLANG_FORMAT) -i $(FORMAT_FILES)

format-check:
	@lines=0; for f in $(FORMAT_FILES); do \
		formatted=$$(mktemp) && $(CLANG_FORMAT) $$f >$$formatted || { rm -f $$formatted; exit 1; }; \
		n=$$(diff $$f $$formatted | grep -c '^<'); rm -f $$formatted; lines=$$((lines + n)); \
	done; echo "$$lines of $$(cat $(FORMAT_FILES) | wc -l) lines are not as clang-format has them"

DIST_DIR ?= .
dist:
	git archive --format=zip --prefix=$(EXTENSION)-$(EXTVERSION)/ \
		-o $(DIST_DIR)/$(EXTENSION)-$(EXTVERSION).zip HEAD
