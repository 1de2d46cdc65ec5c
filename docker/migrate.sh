#!/usr/bin/env bash
# Applies the migrations of a folder that a database has not had yet, in order: migrate.sh [FOLDER]
#
# A migration is a file NUMBER_DESCRIPTION.sql, applied once, in a transaction of its own. Table _sqlx_migrations keeps
# what was applied, with SHA-384 checksums, in the form of sqlx: its Migrator accepts the same folder. An error where an
# applied file has been edited or is missing. PGHOST, PGPORT, PGUSER and PGDATABASE name the database.
set -euo pipefail

FOLDER=${1:-$(cd "$(dirname "$0")/.." && pwd)/migrations}

# The psql script for one file.
script_of() {
    local file=$1 name version sum
    name=$(basename "$file" .sql)
    name=${name//\'/\'\'}
    version=$((10#${name%%_*}))
    sum=$(sha384sum "$file" | cut -d ' ' -f 1)
    cat <<SQL
select coalesce(bool_or(checksum <> '\\x$sum'), false) as is_edited, count(*) = 0 as is_new
from _sqlx_migrations where version = $version \\gset
\\if :is_edited
do \$\$ begin raise 'migration $name was edited after it had been applied'
    using hint = 'Restore the file, and change the tables in a new migration.'; end \$\$;
\\endif
\\if :is_new
begin;
\\i '${file//\'/\'\'}'
insert into _sqlx_migrations (version, description, success, checksum, execution_time)
values ($version, '$(tr _ ' ' <<<"${name#*_}")', true, '\\x$sum',
    (extract(epoch from clock_timestamp() - transaction_timestamp()) * 1e9)::bigint);
commit;
\\echo 'applied $name'
\\endif
SQL
}

shopt -s nullglob
FILES=("$FOLDER"/[0-9]*_*.sql)
[ ${#FILES[@]} -gt 0 ] || {
    echo "There are no migrations in $FOLDER." >&2
    exit 2
}
VERSIONS=$(for file in "${FILES[@]}"; do basename "$file" | sed 's/^0*//; s/_.*//'; done | paste -sd ,)

{
    cat <<SQL
-- One deployment at a time.
select pg_advisory_lock(hashtextextended('edf migrations', 0));
create table if not exists _sqlx_migrations (
    version bigint primary key, description text not null, installed_on timestamptz not null default now(),
    success boolean not null, checksum bytea not null, execution_time bigint not null
);
do \$\$ declare missing text := (select string_agg(version::text, ', ' order by version) from _sqlx_migrations
    where version <> all (array[$VERSIONS])); begin
    if missing is not null then
        raise 'migrations % were applied to this database and are not in the folder', missing
            using hint = 'The database is of a newer version: deploy that version or a later one.';
    end if; end \$\$;
SQL
    for file in "${FILES[@]}"; do script_of "$file"; done
} | PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 -o /dev/null
