# Jails for NetBSD. For GNU make and for NetBSD's.

PREFIX	?= /usr/local
DESTDIR	?=
MANDIR	?= $(PREFIX)/share/man
# What install installs; for another machine: FROM=build/netbsd-amd64. And where
# the kernel that is to have the module looks for it: sysctl kern.module.path.
FROM	?= build
MODULES	?=

GO	?= go
CC	?= cc
FUZZTIME ?= 10m
VERSION	?= $$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
TAGS	= urfave_cli_no_docs
# The same everywhere: what one command has compiled serves all others.
COMMON = -trimpath -tags $(TAGS)
FLAGS	= $(COMMON) -ldflags "-s -w -X jails/src/command.version=$(VERSION)"
NAMES	= jailctl jailmgr jail-init
ARCHS	= amd64 arm64 arm 386
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
KMOD_ARCH ?= amd64
# The virtual machine: how many processors; for the measurements, that its clock
# counts instructions; and for the demonstration a userland of its own.
SMP	?= 2
VM_CLOCK ?= -count
VM	= $(GO) run $(COMMON) ./tools/vm -kernel "$(KERNEL)" -module build/secmodel_jail.kmod -cpus "$(SMP)"
VM_DEMO	= -file bin/demo=build/vm/demo -file bin/userland=build/vm/userland \
	  -file bin/curl=build/vm/userland -file bin/kill=build/vm/userland \
	  -step 'demo=/bin/demo -bin /sbin'

.PHONY: build links hostkern demo vm-demo setup test test-long bench vm-bench lint \
	check-go check-shell check-man check-c cross kmod vm-files vm-test install clean help

build: links hostkern

help:
	@echo "make build       build/jails and its links, build/jail-exporter; on Linux build/hostkern too"
	@echo "make demo        the worked example on real processes; in a NetBSD machine: KERNEL=path SRC=path"
	@echo "make test        all tests, lint and cross; what was skipped is named at the end"
	@echo "make test-long   the same and more, and every fuzz target for FUZZTIME=10m"
	@echo "make bench       the measurements in tests/bench, as a table and in build/bench.json;"
	@echo "                 those of commands, and system calls, in a NetBSD machine: KERNEL=path SRC=path"
	@echo "make lint        gofmt, vet, staticcheck, shellcheck, mandoc, the C compiler's warnings"
	@echo "make cross       static programs: build/netbsd-{amd64,arm64,arm,386}/jails, jail-exporter"
	@echo "make kmod        the kernel module; SRC=path of NetBSD's sources, KMOD_ARCH=amd64"
	@echo "make vm-test     on a NetBSD kernel in QEMU: the programs' tests, the module, conformance,"
	@echo "                 the demo; KERNEL=path SRC=path SMP=2"
	@echo "make install     DESTDIR= PREFIX=/usr/local; for another machine FROM=build/netbsd-amd64;"
	@echo "                 the module too: MODULES=/stand/amd64/10.1/modules"
	@echo "make clean       remove build"

links:
	CGO_ENABLED=0 $(GO) build $(FLAGS) -o build/jails ./src
	CGO_ENABLED=0 $(GO) build $(FLAGS) -o build/jail-exporter ./src/jail-exporter
	@for name in $(NAMES); do ln -sf jails build/$$name || exit 1; done

# hostkern runs the kernel's model on Linux; elsewhere there is nothing to do.
hostkern:
	@[ "$$(uname -s)" != Linux ] || { set -x; CGO_ENABLED=1 $(GO) build $(COMMON) -o build/hostkern ./tools/hostkern; }

demo: setup
	@if [ -n "$(KERNEL)" ]; then $(MAKE) vm-demo; else $(MAKE) build && $(GO) run $(COMMON) ./tests/demo -bin build; fi

vm-demo: vm-files
	$(VM) $(VM_DEMO)

vm-files: kmod
	@[ -n "$(KERNEL)" ] || { echo "vm: which kernel? give KERNEL=path SRC=path" >&2; exit 64; }
	CGO_ENABLED=0 GOOS=netbsd GOARCH=amd64 $(GO) build $(COMMON) -o build/vm/demo ./tests/demo
	CGO_ENABLED=0 GOOS=netbsd GOARCH=amd64 $(GO) build $(COMMON) -o build/vm/userland ./tests/demo/userland

# setup installs what the tests need and this machine lacks, if it may.
setup:
	@sh tests/setup.sh

# One summary of everything: each -check is a test, with what it needs, and
# each -- begins the arguments of a run of go test; -count=1, because go's cache
# does not see what the tests build.
CHECKS	= -check 'check-go=$(MAKE) check-go' -check 'check-c=$(MAKE) check-c' \
	  -check 'check-shell,shellcheck=$(MAKE) check-shell' -check 'check-man,mandoc=$(MAKE) check-man' \
	  -check 'cross=$(MAKE) cross'
test: setup
	@$(GO) run $(COMMON) ./tests/summary $(CHECKS) \
		-- $(COMMON) -count=1 -race ./src/... \
		-- $(COMMON) -count=1 ./tests/... ./tools/...

test-long:
	@sh tests/setup.sh long
	@JAILS_LONG=1 $(GO) run $(COMMON) ./tests/summary $(CHECKS) \
		-fuzz $(FUZZTIME) -fuzz-packages ./src/... -fuzz-packages ./tools/hostkern \
		-fuzz-c-packages ./tools/hostkern/kern \
		-- $(COMMON) -count=1 -timeout 60m -race ./src/... \
		-- $(COMMON) -count=1 -timeout 60m ./tests/... ./tools/...

bench:
	@if [ -n "$(KERNEL)" ]; then $(MAKE) vm-bench; else sh tests/setup.sh bench && $(MAKE) build && \
		JAILS_BIN="$$(pwd)/build" $(GO) test $(COMMON) -run '^$$' -bench . -benchtime 1x -count 1 -timeout 60m ./tests/bench \
		-args -figures "$$(pwd)/build/bench.json"; fi

# Without a userland, a Go program stands in for chroot(8) and true(1). What
# needs a model that can be unloaded comes before the first jail.
vm-bench: kmod
	CGO_ENABLED=0 GOOS=netbsd GOARCH=amd64 $(GO) build $(COMMON) -o build/vm/peer ./tests/bench/peer
	CGO_ENABLED=0 GOOS=netbsd GOARCH=amd64 $(GO) test -c $(COMMON) -o build/vm/bench ./tests/bench
	$(VM) $(VM_CLOCK) -memory 2048 -file bin/bench=build/vm/bench -file bin/peer=build/vm/peer -step \
		'kernel=/bin/bench -test.run ^$$ -test.bench Kernel -test.benchtime 1x -rounds 4 -emulated -module /modules/secmodel_jail.kmod' -step \
		'bench=/bin/bench -test.run ^$$ -test.bench Exec|List -test.benchtime 1x -emulated -peer /bin/peer -true /bin/peer'

lint: check-go check-shell check-man check-c

check-go:
	@bad=$$(gofmt -l src tests tools) && [ -z "$$bad" ] || { echo "not formatted (gofmt -w): $$bad"; exit 1; }
	$(GO) vet $(COMMON) ./...
	@GOBIN="$$(pwd)/build/tools" $(GO) install -trimpath $(STATICCHECK)
	GOFLAGS="$$GOFLAGS -trimpath" build/tools/staticcheck -tags $(TAGS) ./...
	GOFLAGS="$$GOFLAGS -trimpath" CGO_ENABLED=0 GOOS=netbsd GOARCH=amd64 build/tools/staticcheck -tags $(TAGS) ./src/... ./tests/...

check-shell:
	shellcheck $$(git ls-files '*.sh' .ci/run 'share/rc.d/*')

check-man:
	mandoc -T lint -W warning share/man/*.[0-9]

# The model's files as hostkern compiles them, with more warnings. It has its
# own of one, which reads tables of NetBSD's network stack.
check-c:
	$(CC) -std=gnu99 -fsyntax-only -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes \
		-Wmissing-prototypes -Wold-style-definition -Werror -D_KERNEL -D__HOSTKERN__ \
		-Itools/hostkern/include -Isys $$(ls sys/secmodel/jail/*.c | grep -v -e jail_pcb.c -e jail_quiet.c)

cross:
	@for arch in $(ARCHS); do \
		export GOOS=netbsd GOARCH=$$arch GOARM=7 CGO_ENABLED=0; \
		echo "netbsd/$$arch"; \
		$(GO) build $(FLAGS) -o build/netbsd-$$arch/jails ./src && \
		$(GO) build $(FLAGS) -o build/netbsd-$$arch/jail-exporter ./src/jail-exporter && \
		$(GO) vet $(COMMON) ./src/... ./tests/... || exit 1; \
		for name in $(NAMES); do ln -sf jails build/netbsd-$$arch/$$name || exit 1; done; \
	done

kmod:
	@[ -n "$(SRC)" ] || { echo "kmod: of which NetBSD sources? make kmod SRC=path" >&2; exit 64; }
	@mkdir -p build
	sh tools/kmod/kmod.sh -a "$(KMOD_ARCH)" "$(SRC)" build/secmodel_jail.kmod

# Before the module: the tests of all programs. Then it is loaded, unloaded and
# loaded again before the first jail; after that unloading is refused, and so it
# must be. With it: those of supervisors in real jails, conformance, and faults;
# JAILS_LONG=1 makes them the long ones.
vm-test: vm-files
	$(VM) -before ./src/... -test ./src/supervise -test ./tests/conformance -test ./tests/faults $(VM_DEMO)

install:
	@[ -x $(FROM)/jails ] || { echo "install: no $(FROM)/jails; first: make build" >&2; exit 66; }
	@[ -z "$(MODULES)" ] || { set -x; install -d $(DESTDIR)$(MODULES)/secmodel_jail && \
		install -m 444 build/secmodel_jail.kmod $(DESTDIR)$(MODULES)/secmodel_jail; }
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/examples/jails $(DESTDIR)$(PREFIX)/share/examples/rc.d
	install -m 755 $(FROM)/jails $(FROM)/jail-exporter $(DESTDIR)$(PREFIX)/sbin
	@for name in $(NAMES); do ln -sf jails $(DESTDIR)$(PREFIX)/sbin/$$name || exit 1; done
	@for page in share/man/*.[0-9]; do \
		dir=$(DESTDIR)$(MANDIR)/man$${page##*.}; \
		install -d $$dir && install -m 644 $$page $$dir || exit 1; \
	done
	@for script in share/rc.d/*; do \
		to=$(DESTDIR)$(PREFIX)/share/examples/rc.d/$${script##*/}; \
		sed 's,/usr/local,$(PREFIX),' $$script > $$to && chmod 755 $$to || exit 1; \
	done
	cp -R share/examples/. $(DESTDIR)$(PREFIX)/share/examples/jails
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 share/completions/* $(DESTDIR)$(PREFIX)/share/bash-completion/completions

clean:
	rm -rf build
