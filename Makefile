# make check is what CI runs. The other targets are its parts, and what takes longer.

# What the tests speak to: YANG and protocol tools of others, a dissector, what people explore a lab with, a virtual machine, and the
# compiler of the fast path.
DEBIAN_PACKAGES = libyang2-tools openssl python3-ncclient yangcli tshark iproute2 iputils-ping openssh-client \
	qemu-system-x86 kmod freeradius freeradius-utils frr clang-14 llvm-14 libbpf-dev

# All fuzz targets share this time in "make check", in which they have about one processor, and have it each in "make fuzz".
FUZZ_TOTAL ?= 240
FUZZ_EACH  ?= 300

GO ?= go

# What has tests for the virtual machine.
VM_PACKAGES = ./tests/vm/devices ./dataplane/kernel ./dataplane/backend ./tests/vrf ./tests/restart ./tests/interop/frr ./tests/interop/radius

# What go test -json says of each run, from which docs/conformance.md has its results, while people see what go test says without it.
RESULTS = build/results
RECORD  = $(GO) run ./tests/record $(RESULTS)

.PHONY: check deps format vet staticcheck generate test rootless vm-test vm-test-and-others compare conformance fuzz-smoke bench-smoke \
	fuzz bench build

check: deps format vet test rootless vm-test-and-others compare

# Debian's installer needs root; without it, what is there already has to do. To build gnmic, a module of its own, takes minutes at first
# (docs/adr/0160-gnmic-in-tests.md), which tests would count.
deps:
	@$(GO) -C tests/interop/gnmi/gnmic tool -n gnmic >/dev/null
	@missing=$$(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $(DEBIAN_PACKAGES) 2>&1 | grep -v '^installed' | grep -c . || true); \
	if [ "$$missing" -gt 0 ]; then \
		DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; \
		apt-get update -q && apt-get install -q -y --no-install-recommends $(DEBIAN_PACKAGES) || \
		{ echo "make: cannot install $(DEBIAN_PACKAGES); run 'make deps' as root" >&2; exit 1; }; \
	fi

# Without C libraries, so that the programs run in a virtual machine, too (mooring lab --vm).
build:
	CGO_ENABLED=0 $(GO) build -o build/ ./cmd/...

format:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) vet -tags vm $(VM_PACKAGES)

staticcheck:
	$(GIVE_WAY) $(GO) tool staticcheck ./...
	$(GIVE_WAY) $(GO) tool staticcheck -tags vm $(VM_PACKAGES)

generate:
	$(GO) generate ./...

# Tests of several packages at once, since many wait: for hosts to come up, for timers, for programs of others. Of the race detector no
# process waits a second at its end, which adds up.
test:
	GORACE=atexit_sleep_ms=0 $(RECORD)/test.json $(GO) test -json -race -vet=off -p 4 -timeout 20m ./...

# The tests as another user, who has no network either.
rootless:
	GO=$(GO) $(RECORD)/rootless.json tests/rootless.sh -json

# The tests that need a kernel with tunnels, in a virtual machine with that of Debian.
vm-test:
	$(RECORD)/vm.json $(GO) run ./tests/vm -json -timeout 25m $(VM_PACKAGES)
	CGO_ENABLED=0 $(GO) run ./cmd/mooring lab --vm
	CGO_ENABLED=0 $(GO) run ./cmd/mooring lab --vm --transport ipv4
	CGO_ENABLED=0 $(GO) run ./cmd/mooring lab mll --vm

# The emulated machine keeps one of two processors busy. What no time matters to has the other, and gives way to it.
vm-test-and-others:
	$(MAKE) --jobs 2 GIVE_WAY='nice -n 19' vm-test staticcheck fuzz-smoke bench-smoke

# Every row of the feature list has the result on docs/conformance.md that its tests have here.
conformance: test rootless vm-test compare

# The same of tests that have been run.
compare:
	$(GO) run ./tests/conformance -all . $(RESULTS)/test.json $(RESULTS)/rootless.json $(RESULTS)/vm.json

fuzz-smoke:
	$(GIVE_WAY) tests/fuzz.sh total $(FUZZ_TOTAL)

fuzz:
	tests/fuzz.sh each $(FUZZ_EACH)

# Every benchmark once, so that none rots; where it is there in several sizes, not with a million.
bench-smoke:
	$(RECORD)/bench.json $(GIVE_WAY) $(GO) test -json -run '^$$' -bench . -benchtime 1x -skip '/^1000000$$' -vet=off -timeout 10m \
		$$(git grep -lE '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...
