#!/bin/bash
# Runs once, when the server's data folder is made: a database and a role for each service and for the registry, and
# nobody else may connect.
set -e -o pipefail

for name in order inventory billing email registry; do
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set name="$name" --set password="$(cat "/run/secrets/$name")" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke all on database :"name" from public;
SQL
done

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
  --command 'revoke all on database postgres, template1 from public'
