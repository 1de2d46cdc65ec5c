-- PostgREST calls this with its login role whenever it loads its configuration, for the settings kept in the database.
create or replace function api.configure() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from energy.token_keys) then
        perform set_config('pgrst.jwt_secret', energy.token_jwks()::text, true);
    end if;
    if (select exchange_lifetime from energy.api_limits) is not null then
        perform set_config('pgrst.db_anon_role', 'anonymous', true);
    end if;
end;
$$;
comment on function api.configure() is
$$Gives PostgREST the keys for verifying tokens and, if API keys can be exchanged (api.exchange_lifetime), the role of
requests without a token. Without keys, PGRST_JWT_SECRET applies.$$;
revoke all on function api.configure() from public;
grant execute on function api.configure() to authenticator;

create or replace function api.token(api_key text default null) returns json
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    lifetime constant interval := (select exchange_lifetime from energy.api_limits);
    token    text;
begin
    if lifetime is null then
        perform energy.refuse('PT404', 'API keys are not exchanged here',
            'The operator turns it on by api.exchange_lifetime.');
    end if;
    token := energy.exchange_api_key(api_key);
    if token is null then
        perform energy.refuse('PT401', 'the API key is not valid',
            'Send {"api_key": "edf_..."}. Where it was revoked or has expired, ask for a new one.');
    end if;
    return json_build_object(
        'access_token', token, 'token_type', 'Bearer', 'expires_in', extract(epoch from lifetime)::integer);
end;
$$;
comment on function api.token(text) is
$$Exchanges an API key for a token

Send it without a token. `access_token` goes into the Authorization header of further requests; it is valid for
`expires_in` seconds or until the key is revoked. An unknown, expired or revoked key gets 401.$$;
revoke all on function api.token(text) from public;
grant execute on function api.token(text) to anonymous;
