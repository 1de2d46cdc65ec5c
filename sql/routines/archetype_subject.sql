create or replace function energy.archetype_subject(archetype text) returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
return 'archetype:' || archetype;
comment on function energy.archetype_subject(text) is
    'The subject of an archetype''s models in edf.models; building ids cannot have this form.';
revoke all on function energy.archetype_subject(text) from public;
