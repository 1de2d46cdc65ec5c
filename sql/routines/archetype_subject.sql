create or replace function energy.archetype_subject(archetype text) returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
return 'archetype:' || archetype;
comment on function energy.archetype_subject(text) is
    'The subject in edf.models of an archetype''s models; no building has such an id.';
revoke all on function energy.archetype_subject(text) from public;
