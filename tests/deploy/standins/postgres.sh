#!/bin/sh
# What the entrypoint of the official image does with the settings that deploy/compose.yaml gives it.
set -eu
data=/var/lib/postgresql/data
export LANG=C.UTF-8
install -d -o postgres -m 2775 /run/postgresql
as_postgres() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
    chown postgres:postgres "$data"
    install -o postgres -m 0600 "$POSTGRES_PASSWORD_FILE" /tmp/password
    as_postgres initdb -D "$data" --username "$POSTGRES_USER" --pwfile /tmp/password $POSTGRES_INITDB_ARGS >&2
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
    echo "create database $POSTGRES_DB" | as_postgres postgres --single -D "$data" postgres >&2
fi
exec setpriv --reuid postgres --regid postgres --init-groups postgres -D "$data" -c listen_addresses='*'
