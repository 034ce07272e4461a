# What there is to do here:
#
#   make               build the three programs into target/release
#   make demo          build, start a daemon in a private directory, ask it twice, stop it
#   make test          everything that can be tested; as root on Debian it installs what it needs
#   make test-system   only the programs that depend on saslauthd (docs/PROGRAMS.md); as root on Debian
#   make test-ad       only the logins of Active Directory, which Samba plays; as root on Debian
#   make test-migrating  runs the commands of docs/MIGRATING.md in containers (root; Debian package systemd-container)
#   make test-systemd  units and container, on booted trees of Debian 12 and 13 (root; some four minutes)
#   make test-mechanisms  kerberos5, sasldb, sql and ldap by GSSAPI as the package has them, under each unit, on booted trees with servers (root)
#   make test-mac      the daemon under AppArmor and SELinux in an emulated machine (root, Debian): for releases
#   make check         format, lints, documentation, licences of the dependencies, man pages, contrib
#   make soak          half an hour of mixed load and faults (root, Debian): SOAK_SECONDS (1800), SOAK_SEED
#   make fuzz          random bytes for everything that reads: FUZZ_SECONDS (60) for each target, and more oracles
#   make fuzz-coverage how much of the sources the corpora of fuzzing reach (rustup component llvm-tools)
#   make mutants       breaks one promise after the other in a copy of the sources and sees a test notice (some 20 minutes); MUTANTS names some
#   make valgrind      the unit tests of all that calls C, and databases and Kerberos with real servers, under valgrind; `make asan` with AddressSanitizer and a nightly Rust
#   make bench         measure ours, the C daemon and a bare echo server (root; flags in BENCH_FLAGS)
#   make pictures      draw the tables of docs/PERFORMANCE.md again
#   make install       programs, man pages and completions below DESTDIR/PREFIX; `make uninstall` takes them away
#   make deb           the Debian package, below target/deb
#   make test-deb      the same over a running daemon of C: installed, upgraded, removed, in containers of Debian 12 and 13 (root)
#   make rpm           an RPM, to prove the spec and its list of files
#   make dist          a release below target/dist: sources with all crates, bill of materials, checksums; `make test-dist` tries it
#   make pam-sys-diff  generate the bindings in vendor/pam-sys again and compare
#   make clean         remove what was built

CARGO   ?= cargo
INSTALL ?= install
PREFIX  ?= /usr
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man

# The run directory that is compiled in, SASLAUTHD_RUN_DIR=/run/sasl2 for one. `make install` wants it, too, for the man pages.
RUN_DIR = $(or $(SASLAUTHD_RUN_DIR),/var/run/saslauthd)

# Where the shells look for completions; zsh of Debian in a directory of its own.
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d
ZSH_COMPLETIONS  ?= $(PREFIX)/share/zsh/$(if $(wildcard /etc/debian_version),vendor-completions,site-functions)

# Debian packages. Without the first nothing can be built, without the second no test; without the third tests are skipped.
BUILD_PACKAGES = ca-certificates gcc libc6-dev libcrypt-dev libpam0g-dev
TEST_HEADERS   = libssl-dev libpq-dev libmariadb-dev libsqlite3-dev pkg-config
TEST_PACKAGES  = sasl2-bin libsasl2-2 libsasl2-modules libpam-pwdfile postfix mandoc procps util-linux bsdutils passwd adduser iproute2 strace \
                 dovecot-imapd slapd nginx-light g++ python3 perl bzip2 zsh fish db5.3-util libgdbm-dev lmdb-utils \
                 libpq5 libmariadb3 libsqlite3-0 libsasl2-modules-sql sqlite3 libkrb5-dev

# What the machines of tests/system have in common.
SYSTEM_PACKAGES = sasl2-bin libsasl2-2 libsasl2-modules libpam-pwdfile postfix procps util-linux passwd adduser iproute2

PROGRAMS  = saslauthd saslauthdctl testsaslauthd
MAN_PAGES = $(sort $(notdir $(wildcard man/*.[1-9])))
TARGET   := $(or $(CARGO_TARGET_DIR),target)

# Of `make fuzz`: for each target, and for each oracle.
FUZZ_SECONDS ?= 60
FUZZ_CASES   ?= 50000

# Of `make soak`; `make test` takes three minutes for it.
SOAK_SECONDS ?= 1800

# Not optimized: it measures nothing.
DRAW = $(CARGO) bench --locked --profile dev --bench daemons -- --pictures

export CARGO

.PHONY: all build demo test test-system test-ad test-migrating test-systemd test-mechanisms test-mac test-deb test-deb-twice test-dist soak fuzz fuzz-coverage mutants valgrind asan \
        check lint lint-files lint-tools msrv cross deny sbom bench pictures install installed-files uninstall deb rpm dist pam-sys-diff clean \
        build-packages test-headers test-packages

all: build

build:
	$(CARGO) build --release --locked

demo: build-packages
	$(CARGO) build --release --locked
	contrib/make/demo.sh $(TARGET)/release

# The lints need a certain toolchain, which is the business of CI and of `make check`, not of every user.
test: build-packages test-headers test-packages
	$(if $(CI),+$(MAKE) lint,@contrib/make/lint-files.sh)
	contrib/make/test.sh $(TARGET)

test-system: build-packages test-headers
	@contrib/make/packages.sh wanted $(SYSTEM_PACKAGES)
	sh tests/system/layers.sh $(TARGET)/tmp/system
	$(CARGO) test --locked --test system

test-ad: build-packages test-headers
	@contrib/make/packages.sh wanted sasl2-bin util-linux
	sh tests/support/samba/provision.sh $(TARGET)/tmp/samba-ad
	sh tests/support/unpack.sh libsasl2-modules-gssapi-mit usr/share/doc/libsasl2-modules-gssapi-mit $(TARGET)/tmp/sasl-gssapi
	$(CARGO) test --locked --test integration active_directory::

test-systemd: build
	@contrib/make/packages.sh wanted systemd-container mmdebstrap
	contrib/make/systemd.sh $(TARGET)/release
	contrib/make/container.sh $(TARGET)/release

# In containers, as root; trees of Debian with the servers are kept in SASLAUTHD_TREES.
test-mechanisms: deb
	@contrib/make/packages.sh needed mmdebstrap systemd-container
	contrib/make/mechanisms.sh $(TARGET)/deb/saslauthd-rs_*.deb

test-mac: build-packages
	@contrib/make/packages.sh needed mmdebstrap qemu-system-x86 e2fsprogs
	$(CARGO) build --release --locked
	contrib/make/mac.sh $(TARGET)/release $(TARGET)/mac

# SASLAUTHD_DEB names the package for the way that needs one.
test-migrating: build
	@contrib/make/packages.sh wanted mmdebstrap systemd-container
	contrib/make/migrating.sh $(TARGET)/release

# Says which seed it has; SOAK_SEED repeats one.
soak: build-packages
	@contrib/make/packages.sh wanted util-linux dovecot-imapd slapd
	SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --locked --test soak

fuzz: build-packages
	@contrib/make/packages.sh wanted g++
	SASLAUTHD_ORACLE_CASES=$(FUZZ_CASES) CARGO_TARGET_DIR=$(TARGET) \
	    $(CARGO) test --locked --manifest-path fuzz/Cargo.toml --no-default-features
	contrib/make/fuzz.sh $(TARGET) $(FUZZ_SECONDS) $(TARGET)/fuzz/found

mutants: build-packages
	@contrib/make/packages.sh needed python3
	contrib/make/mutants.py run $(TARGET)/mutants $(MUTANTS)

fuzz-coverage: build-packages
	contrib/make/fuzz-coverage.sh $(TARGET) $(TARGET)/fuzz/found

valgrind: build-packages
	@contrib/make/packages.sh needed valgrind
	contrib/make/valgrind.sh $(TARGET)

asan: build-packages
	contrib/make/asan.sh $(TARGET)

check: lint msrv cross deny sbom

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

# For the other libc and the other processor; nothing is linked, so headers of this system do.
cross:
	@for target in x86_64-unknown-linux-musl aarch64-unknown-linux-gnu; do \
	    if rustup target list --installed 2>/dev/null | grep -qx $$target; then \
	        CC_x86_64_unknown_linux_musl=cc CC_aarch64_unknown_linux_gnu=cc \
	            CARGO_TARGET_DIR=$(TARGET)/cross $(CARGO) check --locked --target $$target || exit 1; \
	    else \
	        echo "Not compiled for $$target: get it with \"rustup target add $$target\"." >&2; \
	    fi; \
	done

deny:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	    $(CARGO) deny --locked check licenses bans sources; \
	else \
	    echo 'The dependencies were not checked: get the tool with "cargo install --locked cargo-deny".' >&2; \
	fi

# That it can be made of what there is; a release carries it.
sbom:
	@contrib/make/crates.py check

bench: build-packages test-headers
	@contrib/make/packages.sh wanted sasl2-bin dovecot-imapd dovecot-mysql dovecot-pgsql dovecot-sqlite slapd sqlite3
	@mkdir -p $(TARGET)
	$(CARGO) bench --locked --bench daemons $(if $(BENCH_FLAGS),-- $(BENCH_FLAGS)) > $(TARGET)/bench.md; \
	    status=$$?; cat $(TARGET)/bench.md; exit $$status
	$(DRAW) $(TARGET)/bench.md $(TARGET)/pictures

# What the document shows, from the document's tables.
pictures:
	$(DRAW) docs/PERFORMANCE.md docs/pictures

# Does not build: what root installs need not be compiled by root.
install:
	@test -x $(TARGET)/release/saslauthd || { echo 'Run "make" first.' >&2; exit 1; }
	@test -n '$(DESTDIR)' || contrib/make/owned.sh $(PROGRAMS:%=$(SBINDIR)/%)
	$(INSTALL) -d $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 0755 $(PROGRAMS:%=$(TARGET)/release/%) $(DESTDIR)$(SBINDIR)
	set -e; for page in $(MAN_PAGES); do \
	    $(INSTALL) -d $(DESTDIR)$(MANDIR)/man$${page##*.}; \
	    $(INSTALL) -m 0644 man/$$page $(DESTDIR)$(MANDIR)/man$${page##*.}; \
	    sed -i 's,\([[:space:]]\)/var/run/saslauthd,\1$(RUN_DIR),g' $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; \
	done
	$(INSTALL) -d $(DESTDIR)$(BASH_COMPLETIONS) $(DESTDIR)$(FISH_COMPLETIONS) $(DESTDIR)$(ZSH_COMPLETIONS)
	$(INSTALL) -m 0644 $(PROGRAMS:%=contrib/completions/bash/%) $(DESTDIR)$(BASH_COMPLETIONS)
	$(INSTALL) -m 0644 $(PROGRAMS:%=contrib/completions/fish/%.fish) $(DESTDIR)$(FISH_COMPLETIONS)
	$(INSTALL) -m 0644 $(PROGRAMS:%=contrib/completions/zsh/_%) $(DESTDIR)$(ZSH_COMPLETIONS)

# What `make install` installs, for who packages it.
installed-files:
	@printf '%s\n' $(PROGRAMS:%=$(SBINDIR)/%) $(foreach page,$(MAN_PAGES),$(MANDIR)/man$(lastword $(subst ., ,$(page)))/$(page)) \
	    $(PROGRAMS:%=$(BASH_COMPLETIONS)/%) $(PROGRAMS:%=$(FISH_COMPLETIONS)/%.fish) $(PROGRAMS:%=$(ZSH_COMPLETIONS)/_%)

uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(SBINDIR)/%)
	for page in $(MAN_PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	rm -f $(PROGRAMS:%=$(DESTDIR)$(BASH_COMPLETIONS)/%) $(PROGRAMS:%=$(DESTDIR)$(FISH_COMPLETIONS)/%.fish) \
	    $(PROGRAMS:%=$(DESTDIR)$(ZSH_COMPLETIONS)/_%)

deb: build-packages
	@contrib/make/packages.sh needed debhelper dpkg-dev git python3 xz-utils
	contrib/make/deb.sh $(TARGET)/deb

# In containers, as root; trees of Debian are kept in SASLAUTHD_TREES. DEB_CASES="trixie-sysv" and the like for some only.
test-deb: deb
	@contrib/make/packages.sh needed mmdebstrap systemd-container
	contrib/make/test-deb/run.sh $(TARGET)/deb/saslauthd-rs_*.deb $(TARGET)/test-deb $(DEB_CASES)

test-deb-twice: deb
	contrib/make/deb-twice.sh $(TARGET)/deb/saslauthd-rs_*.deb $(TARGET)/deb-twice

# For the syntax of the spec and the list of files. Needs rpmbuild.
rpm: dist
	@contrib/make/packages.sh needed rpm
	contrib/make/rpm.sh $(TARGET)/dist $(TARGET)/rpm

# The last commit, the same bytes wherever it is made. Needs git, xz and python3.
dist:
	contrib/make/dist.sh $(TARGET)/dist

test-dist:
	contrib/make/dist-test.sh $(TARGET)/dist-test

pam-sys-diff:
	contrib/make/pam-sys-diff.sh

clean:
	$(CARGO) clean

build-packages:
	@contrib/make/packages.sh needed $(BUILD_PACKAGES)

test-headers:
	@contrib/make/packages.sh needed $(TEST_HEADERS)

test-packages:
	@contrib/make/packages.sh wanted $(TEST_PACKAGES)
