-- PostgREST takes a token without audience, and one that never expires: refuse both. It would also try to write views, whose refusal is an error of the
-- server to it.
create or replace function api.check_token() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
    if claims ->> 'aud' is null or claims ->> 'exp' is null or coalesce(claims ->> 'sub', '') = '' then
        raise sqlstate 'PT401' using message = 'the token needs the claims aud, exp and sub',
            hint = 'Ask for a new token.';
    end if;
    -- Whom decisions are recorded for.
    perform set_config('edf.person', claims ->> 'sub', true);
    if current_setting('request.method', true) not in ('GET', 'HEAD', 'OPTIONS') and current_setting('request.path', true) not like '/rpc/%' then
        raise sqlstate 'PT405' using message = format('%s cannot be done here: this is read', current_setting('request.method', true)),
            hint = 'GET reads; what meters say, what changes in a building and what people decide is sent by POST to an address below /rpc.';
    end if;
end;
$$;
comment on function api.check_token() is
    'Called before each request: refuses tokens without audience, expiry or subject (401), and all but reading outside of /rpc (405); sets edf.person to the subject.';
revoke all on function api.check_token() from public;
grant execute on function api.check_token() to supplier, resident, gateway, operator;
