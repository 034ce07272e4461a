# What there is to do here:
#
#   make               build the two programs into target/release
#   make demo          build, start a daemon in a private directory, ask it twice, stop it
#   make test          everything that can be tested; as root on Debian it installs what it needs
#   make test-system   only the programs that depend on saslauthd (docs/PROGRAMS.md); as root on Debian
#   make check         format, lints, documentation, licences of the dependencies, man pages, contrib
#   make fuzz          random bytes for everything that reads: FUZZ_SECONDS (60) for each target, and more oracles
#   make bench         measure ours, the C daemon and a bare echo server (root; flags in BENCH_FLAGS)
#   make install       programs and man pages below DESTDIR/PREFIX; `make uninstall` takes them away
#   make pam-sys-diff  generate the bindings in vendor/pam-sys again and compare
#   make clean         remove what was built

CARGO   ?= cargo
INSTALL ?= install
PREFIX  ?= /usr
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man

# Debian packages. Without the first nothing can be built; without the second tests are skipped.
BUILD_PACKAGES = ca-certificates gcc libc6-dev libcrypt-dev libpam0g-dev libssl-dev pkg-config
TEST_PACKAGES  = sasl2-bin libsasl2-2 libsasl2-modules libpam-pwdfile postfix mandoc procps util-linux bsdutils passwd adduser iproute2 \
                 dovecot-imapd slapd nginx-light g++ python3

# What the machines of tests/system have in common.
SYSTEM_PACKAGES = sasl2-bin libsasl2-2 libsasl2-modules libpam-pwdfile postfix procps util-linux passwd adduser iproute2

PROGRAMS  = saslauthd testsaslauthd
MAN_PAGES = $(sort $(notdir $(wildcard man/*.[1-9])))
TARGET   := $(or $(CARGO_TARGET_DIR),target)

# Of `make fuzz`: for each target, and for each oracle.
FUZZ_SECONDS ?= 60
FUZZ_CASES   ?= 50000

export CARGO

.PHONY: all build demo test test-system fuzz check lint lint-files lint-tools msrv deny bench install uninstall pam-sys-diff clean \
        build-packages test-packages

all: build

build:
	$(CARGO) build --release --locked

demo: build-packages
	$(CARGO) build --release --locked
	contrib/make/demo.sh $(TARGET)/release

# The lints need a certain toolchain, which is the business of CI and of `make check`, not of every user.
test: build-packages test-packages
	$(if $(CI),+$(MAKE) lint,@contrib/make/lint-files.sh)
	contrib/make/test.sh $(TARGET)

test-system: build-packages
	@contrib/make/packages.sh wanted $(SYSTEM_PACKAGES)
	sh tests/system/layers.sh $(TARGET)/tmp/system
	$(CARGO) test --locked --test system

fuzz: build-packages
	@contrib/make/packages.sh wanted g++
	SASLAUTHD_ORACLE_CASES=$(FUZZ_CASES) CARGO_TARGET_DIR=$(TARGET) \
	    $(CARGO) test --locked --manifest-path fuzz/Cargo.toml --no-default-features
	contrib/make/fuzz.sh $(TARGET) $(FUZZ_SECONDS) $(TARGET)/fuzz/found

check: lint msrv deny

lint: lint-files lint-tools
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	cd fuzz && $(CARGO) fmt --check
	CARGO_TARGET_DIR=$(TARGET) $(CARGO) clippy --manifest-path fuzz/Cargo.toml --all-targets --no-default-features \
	    --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --document-private-items --locked

lint-files:
	contrib/make/lint-files.sh

lint-tools:
	@contrib/make/lint-tools.sh

# The oldest Rust that is promised.
msrv:
	@if rustup run 1.85 rustc --version >/dev/null 2>&1; then \
	    CARGO_TARGET_DIR=$(TARGET)/msrv rustup run 1.85 cargo check --all-targets --locked; \
	else \
	    echo 'Not compiled with Rust 1.85: get it with "rustup toolchain install --profile minimal 1.85".' >&2; \
	fi

deny:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	    $(CARGO) deny --locked check licenses bans sources; \
	else \
	    echo 'The dependencies were not checked: get the tool with "cargo install --locked cargo-deny".' >&2; \
	fi

bench: build-packages
	@contrib/make/packages.sh wanted sasl2-bin dovecot-imapd slapd
	$(CARGO) bench --locked --bench daemons $(if $(BENCH_FLAGS),-- $(BENCH_FLAGS))

# Does not build: what root installs need not be compiled by root.
install:
	@test -x $(TARGET)/release/saslauthd || { echo 'Run "make" first.' >&2; exit 1; }
	@test -n '$(DESTDIR)' || contrib/make/owned.sh $(PROGRAMS:%=$(SBINDIR)/%)
	$(INSTALL) -d $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 0755 $(PROGRAMS:%=$(TARGET)/release/%) $(DESTDIR)$(SBINDIR)
	set -e; for page in $(MAN_PAGES); do \
	    $(INSTALL) -d $(DESTDIR)$(MANDIR)/man$${page##*.}; \
	    $(INSTALL) -m 0644 man/$$page $(DESTDIR)$(MANDIR)/man$${page##*.}; \
	done

uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(SBINDIR)/%)
	for page in $(MAN_PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done

pam-sys-diff:
	contrib/make/pam-sys-diff.sh

clean:
	$(CARGO) clean

build-packages:
	@contrib/make/packages.sh needed $(BUILD_PACKAGES)

test-packages:
	@contrib/make/packages.sh wanted $(TEST_PACKAGES)
