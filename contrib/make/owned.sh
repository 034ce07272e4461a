#!/bin/sh
# Tells whose files `make install` is about to replace: a package puts its own back with its next update.
set -eu

command -v dpkg-query >/dev/null || exit 0
for file in "$@"; do
    owner=$(dpkg-query --search "$file" 2>/dev/null | grep -v '^diversion by' | cut -d : -f 1) || continue
    if [ -n "$owner" ] && [ -z "$(dpkg-divert --list "$file")" ]; then
        echo "Note: $file belongs to the package $owner, whose next update will put its own back." >&2
        echo "      To keep both: apt-get install --reinstall $owner;" \
             "dpkg-divert --local --rename --add $file; make install" >&2
    fi
done
