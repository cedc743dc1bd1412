#!/bin/bash
# Makes the passwords of the store in a volume, once: none is in the repository, none is asked of whoever starts it.
#
# Postgres (user 999 in its image) reads all of them, to make the roles; each service only its own, by its group.
set -euo pipefail
cd /run/secrets
umask 077

# make NAME GROUP
make() {
  if [ ! -s "$1" ]; then
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$1.new"
    mv "$1.new" "$1"
    echo "made the password of $1"
  fi
  chown "999:$2" "$1"
  chmod 440 "$1"
}

make postgres 999
make order 10101
make inventory 10102
make billing 10103
make email 10104
make registry 10106
make analytics 10107

# The registry reads settings, not passwords, from files. The ordinal puts them before its own defaults.
printf 'config_ordinal=275\napicurio.datasource.password=%s\n' "$(cat registry)" >registry.properties
chown 999:10106 registry.properties
chmod 440 registry.properties
