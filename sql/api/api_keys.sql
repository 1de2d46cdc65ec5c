-- API keys, created and revoked by operators.
create or replace view api.api_keys with (security_barrier = true) as
select key_id, subject, role, note, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by
from energy.api_keys;
comment on view api.api_keys is $$API keys

One row per key, including revoked ones. `GET /api_keys?revoked_at=is.null&order=last_used_at` lists the active ones.
Only hashes of the keys are stored.$$;
comment on column api.api_keys.key_id is 'The first characters of the key.';
comment on column api.api_keys.subject is 'The subject whose buildings the key gives access to.';
comment on column api.api_keys.created_by is 'Who created it: the subject of a token, or a role.';
comment on column api.api_keys.last_used_at is 'When it was last exchanged for a token; null: never.';
grant select on api.api_keys to operator;

create or replace function api.create_api_key(
    subject text default null, role text default 'supplier', lifetime interval default null, note text default null
) returns json
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    select json_build_object('key_id', key_id, 'api_key', api_key)
    from energy.create_api_key(subject, role, lifetime, note)
$$;
comment on function api.create_api_key(text, text, interval, text) is
$$Creates an API key

For a `subject`, whose buildings it gives access to, with `role` `supplier` or `gateway`. The key is returned only once.
Without `lifetime`, such as `1 year`, it does not expire.$$;
revoke all on function api.create_api_key(text, text, interval, text) from public;
grant execute on function api.create_api_key(text, text, interval, text) to operator;

create or replace function api.revoke_api_key(key_id text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.revoke_api_key(key_id);
exception when undefined_object then
    perform energy.refuse('PT404', format('there is no API key %L', left(key_id, 40)), 'GET /api_keys lists them.');
end;
$$;
comment on function api.revoke_api_key(text) is
$$Revokes an API key

Takes effect at once: tokens that were issued for it are rejected too.$$;
revoke all on function api.revoke_api_key(text) from public;
grant execute on function api.revoke_api_key(text) to operator;
