create or replace function energy.hours_setting(settings jsonb, name text) returns interval
language sql immutable
set search_path = pg_catalog, pg_temp
return coalesce((settings ->> name)::double precision, 6) * interval '1 hour';
comment on function energy.hours_setting(jsonb, text) is
    'jitter_h or max_silence_h of a meter''s settings, with the default that edf.register_hours has for both.';
revoke all on function energy.hours_setting(jsonb, text) from public;
