#!/bin/sh
# Builds an RPM by contrib/rpm/saslauthd-rs.spec from a release, and holds what is in it against a list. This proves that the
# spec is sound; an RPM from Debian links Debian's libraries and is for nobody's use.
#
# usage: rpm.sh RELEASE-DIRECTORY DIRECTORY
set -eu

release=$(cd "$1" && pwd)
mkdir -p "$2"
output=$(cd "$2" && pwd)
spec=contrib/rpm/saslauthd-rs.spec
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

fail() {
    echo "rpm: $1" >&2
    exit 1
}

# Where contrib has it.
selinux_module() {
    for module in contrib/selinux/*.cil; do
        [ ! -e "$module" ] || printf '%s\n' /usr/share/saslauthd-rs "/usr/share/saslauthd-rs/$(basename "$module")"
    done
}

grep -q "^Version: *$version\$" $spec || fail "$spec is of another version than $version"
# As openSUSE reads it.
rpmspec --parse --define 'suse_version 1600' $spec > "$output/opensuse.spec"
grep -q 'SASLAUTHD_RUN_DIR=/run/sasl2 make' "$output/opensuse.spec" || fail "openSUSE has another run directory"
# No conditional may have swallowed a scriptlet.
for section in pre post preun postun posttrans; do
    grep -q "^%$section\$" "$output/opensuse.spec" || fail "there is no %$section"
done

rm -rf "$output/BUILD" "$output/RPMS"
env -u RUSTFLAGS -u MAKEFLAGS -u MAKELEVEL rpmbuild --quiet -bb --nodeps --define "_topdir $output" --define "_sourcedir $release" $spec
package=$(find "$output/RPMS" -name '*.rpm')

# The manual pages are compressed or not, as rpmbuild has it.
{ "${MAKE:-make}" --silent installed-files PREFIX=/usr && selinux_module && cat contrib/rpm/files; } | sort > "$output/wanted"
rpm --query --package --list "$package" | grep -v '/usr/share/\(doc\|licenses\)/' | sed 's/\.gz$//' | sort > "$output/files"
diff "$output/wanted" "$output/files" || fail "other files are in the package than there should be"
rpm --query --package --conflicts "$package" | grep -qx cyrus-sasl || fail "it does not exclude cyrus-sasl"
rpm --query --package --configfiles "$package" | grep -qx /etc/sysconfig/saslauthd || fail "its settings are no configuration"
echo "rpm: $package has what it should"
