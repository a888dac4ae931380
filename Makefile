# procjail. `make help` lists the targets. Each works from a clean clone on
# Debian 12 or 13: test/setup installs what is missing when it runs as root, and
# names the one line that would when it does not.

PREFIX ?= /usr/local
DESTDIR ?=
SUITE ?= bookworm
FUZZTIME ?= 30s
# What `make test` gives to go test, for example TESTFLAGS='-run TestKernel ./launch'.
TESTFLAGS ?= ./...
# What `make bench` gives to the benchmark: -json FILE, -runs N, -only start,memory;
# and `make bench-truth` to its own: -only REGEXP, -v.
BENCHFLAGS ?=
# What `make test-vm` gives to test/vm/run, for example VMFLAGS='-run TestKernel ./launch'.
VMFLAGS ?=

# The last releases that Go 1.24 builds; it is what Debian 13 has.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.6.1
GOFUMPT = mvdan.cc/gofumpt@v0.9.2
ERRORLINT = github.com/polyfloyd/go-errorlint@v1.8.0
UNPARAM = mvdan.cc/unparam@v0.0.0-20250301125049-0df0534333a4

# test/setup links a Go that is new enough here; linters run it by name. No
# stamp of the version control: git may be absent, or refuse a clone that
# belongs to somebody else.
export PATH := $(CURDIR)/.cache/bin:$(PATH)
export GOFLAGS := -buildvcs=false $(filter-out -buildvcs=%,$(GOFLAGS))

SCRIPTS = .ci/run examples/untrusted/demo examples/failures/update $(addprefix test/,setup as-user run fuzz fresh bench/run bench/truth/run vm/run vm/image vm/guest)

.PHONY: help build demo test test-faults lint bench bench-truth fuzz generate install clean test-fresh test-vm

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

build: ## bin/procjail, and bin/procjail-seccomp for policies never seen before
	@test/setup build
	@# No cgo, no PIE: both cost a start more than the rest of Go does. The entry
	@# is explained in internal/boot/boot.go. Go 1.26's collector writes to a second
	@# page of whatever is allocated: 13 page faults of a start, which collects nothing.
	GOEXPERIMENT=$$(go env GOVERSION | sed -n 's/^go1\.26.*/nogreenteagc/p') CGO_ENABLED=0 go build -trimpath -tags godbus_no_tcp -ldflags '-s -w -E github.com/Emmanuel326/procjail/internal/boot.entry' -o bin/procjail ./cmd/procjail
	CGO_ENABLED=1 go build -trimpath -tags netgo,osusergo -ldflags '-s -w -linkmode external -extldflags -static' \
		-o bin/procjail-seccomp ./cmd/procjail-seccomp

demo: ## a program that tries to get at everything, outside and inside a jail
	@test/setup demo
	@$(MAKE) --no-print-directory -s build
	@examples/untrusted/demo

test: ## every test; as root as the account procjail-test, and those of root as root
	@test/setup test
	@$(MAKE) --no-print-directory build
	test/run $(TESTFLAGS)

test-faults: ## kills, stops, failing calls and full disks at every step, and 1,000 jails
	@test/setup test
	@$(MAKE) --no-print-directory build
	PROCJAIL_FAULTS=1 test/run -timeout 15m -run 'TestKernel(Fault|Moments|Errnos|Scale|StopEarly|Throughput)' ./launch ./test/life

lint: ## vet, gofumpt, staticcheck, errorlint, unparam, shellcheck, the layout
	@test/setup lint
	go vet ./...
	@unformatted=$$(find . -path ./.cache -prune -o -name '*.go' -print | xargs go run $(GOFUMPT) -l) && \
		{ test -z "$$unformatted" || { echo "gofumpt -w would change:" $$unformatted >&2; exit 1; }; }
	go run $(STATICCHECK) ./...
	go run $(ERRORLINT) -errorf -asserts -comparison ./...
	go run $(UNPARAM) ./...
	shellcheck $(SCRIPTS)
	go test -count=1 ./test/layout

bench: ## start, throughput, memory, beside bubblewrap and a C program
	@test/setup bench
	@$(MAKE) --no-print-directory -s build
	@test/bench/run $(BENCHFLAGS)

bench-truth: ## how often the cause of a failure is named: right, unknown, wrong
	@test/setup test
	@$(MAKE) --no-print-directory -s build
	@test/bench/truth/run $(BENCHFLAGS)

fuzz: ## every fuzz target for FUZZTIME
	@test/setup build
	@test/fuzz $(FUZZTIME)

generate: ## the embedded filters, from their policies, by libseccomp
	@test/setup build
	go generate ./...

install: build ## into DESTDIR and PREFIX
	install -D -m 755 bin/procjail $(DESTDIR)$(PREFIX)/bin/procjail
	install -D -m 755 bin/procjail-seccomp $(DESTDIR)$(PREFIX)/libexec/procjail/procjail-seccomp
	for page in docs/*.1; do test ! -e "$$page" || \
		install -D -m 644 "$$page" $(DESTDIR)$(PREFIX)/share/man/man1/"$${page##*/}"; done

clean: ## bin and .cache; what is in Go's own caches stays
	rm -rf bin .cache

test-fresh: ## demo and test in a fresh Debian of SUITE, as root and as a user
	@test/setup fresh
	test/fresh $(SUITE)

test-vm: ## the kernel tests as a user of a real systemd, Debian SUITE under QEMU
	@test/vm/run $(SUITE) $(VMFLAGS)
