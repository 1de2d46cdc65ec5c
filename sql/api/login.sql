-- A browser keeps the token that it signed in with in an HttpOnly cookie; the reverse proxy turns the cookie into an
-- Authorization header (docker/nginx/pages.conf). Only a token that PostgREST has verified is set as a cookie.
create or replace function energy.set_token_cookie(token text, seconds bigint) returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
    select set_config('response.headers', (
        coalesce(nullif(current_setting('response.headers', true), ''), '[]')::jsonb
        || jsonb_build_array(jsonb_build_object('Set-Cookie', format(
            'edf_token=%s; Path=/; Max-Age=%s; HttpOnly; Secure; SameSite=Strict', token, seconds)))
    )::text, true);
end;
comment on function energy.set_token_cookie(text, bigint) is 'Sets the session cookie of a browser.';
revoke all on function energy.set_token_cookie(text, bigint) from public;

create or replace function api.login() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    token constant text := substring(
        current_setting('request.headers', true)::jsonb ->> 'authorization' from '^[Bb]earer +([A-Za-z0-9_.-]+)$');
    expires constant numeric := (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'exp')::numeric;
begin
    if token is null then
        raise exception 'there is no token' using errcode = 'invalid_parameter_value',
            hint = 'Send it in the header Authorization.';
    end if;
    perform energy.set_token_cookie(token, greatest(expires - extract(epoch from clock_timestamp()), 0)::bigint);
end;
$$;
comment on function api.login() is
$$Signs in a browser

Sets the request's token as a cookie with the token's lifetime. `POST /rpc/logout` removes it.$$;
revoke all on function api.login() from public;

create or replace function api.logout() returns void
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select energy.set_token_cookie('', 0);
end;
comment on function api.logout() is
$$Signs out a browser

Removes the cookie set by `POST /rpc/login`.$$;
revoke all on function api.logout() from public;
grant execute on function api.login(), api.logout() to operator, resident, supplier, technician;
