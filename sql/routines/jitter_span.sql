create or replace function energy.jitter_span(settings jsonb) returns interval
language sql immutable
set search_path = pg_catalog, pg_temp
return coalesce((settings ->> 'jitter_h')::double precision, 6) * interval '1 hour';
comment on function energy.jitter_span(jsonb) is 'How long a reading outlasts a lower one that jitters: jitter_h of a meter''s settings (edf.register_hours).';
revoke all on function energy.jitter_span(jsonb) from public;
