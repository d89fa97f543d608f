# What a developer or operator types. Each target installs what it needs (scripts/bootstrap).
PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
# All symbols are bound at the start, so that the tables of addresses are read-only from then on.
RELEASE = -c release --static-swift-stdlib -Xlinker -z -Xlinker now

# What --version says of the build; not WEIR_…, as `make run` hands its environment on, and weir takes those for settings.
# A source tree without git can be told: make build BUILD_COMMIT=...
BUILD_COMMIT ?= $(shell git describe --always --match '' --abbrev=12 --dirty 2>/dev/null)
BUILD_SWIFT ?= $(shell $(SWIFT) --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p')
export BUILD_COMMIT BUILD_SWIFT

.PHONY: run build debug test test-swift test-integration simulate bench demo format lint install clean

run: build
	.build/release/weir

build: bootstrap
	@scripts/link-static-libraries .build/static-libraries
	$(SWIFT) build $(RELEASE) --product weir
	$(SWIFT) build $(RELEASE) --product weirctl

# Unit tests, the simulator's full count of seeds, then the built binary on real sockets, under real
# clients, and by the letter of the RFCs.
test: test-swift simulate test-integration test-clients test-conformance

test-swift: bootstrap-tests
	$(SWIFT) test --parallel

simulate: bootstrap
	scripts/simulate

# Coverage-guided fuzzing, SECONDS for each target; TARGETS="chunked engine" picks some.
SECONDS ?= 60
.PHONY: fuzz
fuzz: bootstrap
	scripts/fuzz $(SECONDS) $(TARGETS)

test-integration: bootstrap-tests build
	Tests/run-integration

.PHONY: test-clients
test-clients: build
	Tests/Clients/run

.PHONY: test-conformance conformance conformance-peers
test-conformance: bootstrap-tests build
	Tests/Conformance/run

# PROXY=host:port tests a proxy that runs there, by the RFCs alone, and not weir.
conformance: bootstrap-tests $(if $(PROXY),,build)
	Tests/Conformance/run $(if $(PROXY),--proxy $(PROXY))

# How Squid, Traffic Server, Apache httpd and tinyproxy do: a table in Markdown.
conformance-peers:
	@scripts/conformance-peers

# Beside its peers; writes docs/performance.md. Some fifteen minutes, on a machine that does nothing else.
bench: build
	scripts/bootstrap bench
	Benchmarks/run --markdown docs/performance.md

# Counts of weir alone against Benchmarks/thresholds.toml: a minute, on a busy machine too.
.PHONY: bench-check
bench-check: build
	scripts/bootstrap bench-check
	Benchmarks/check

demo: bootstrap-tests build
	scripts/demo

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

lint: bootstrap-tests
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift
	scripts/lint

# PREFIX, DESTDIR and the like: scripts/install-files. Settings that were changed stay, on either way.
export PREFIX DESTDIR
.PHONY: uninstall
install: build
	scripts/install-files install

uninstall:
	scripts/install-files uninstall

# .build/deb/weir_VERSION-REVISION_ARCH.deb, checked by lintian.
REVISION ?= 1
.PHONY: deb try-package
deb: build
	scripts/bootstrap deb
	scripts/build-deb $(REVISION)

# Install, use, upgrade, remove and purge it on a bare Debian with a systemd of its own (root).
try-package: build
	scripts/bootstrap deb
	scripts/try-package

clean:
	$(SWIFT) package clean

.PHONY: bootstrap bootstrap-tests
bootstrap:
	@scripts/bootstrap

bootstrap-tests:
	@scripts/bootstrap tests
