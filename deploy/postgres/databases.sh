#!/bin/bash
# A database and a role for each service and for the registry, and nobody else may connect. Runs by itself when the server's data
# folder is made; later, for a listener that came since: databases.sh --host=postgres NAME…
set -e -o pipefail

host=()
case ${1:-} in --host=*)
  host=("$1")
  shift
  PGPASSWORD=$(cat /run/secrets/postgres)
  export PGPASSWORD
  ;;
esac
if [ $# = 0 ]; then set -- order inventory billing email registry; fi

admin() {
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "${host[@]}" --username "${POSTGRES_USER:-postgres}" --dbname postgres "$@"
}

for name; do
  if [ "$(admin --tuples-only --no-align --command "select count(*) from pg_database where datname = '$name'")" = 1 ]; then
    continue
  fi
  admin --set name="$name" --set password="$(cat "/run/secrets/$name")" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke all on database :"name" from public;
SQL
done

admin --command 'revoke all on database postgres, template1 from public'
