-- PostgREST takes a token without audience, and one that never expires: refuse both.
create or replace function api.check_token() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
    if claims ->> 'aud' is null or claims ->> 'exp' is null or claims ->> 'sub' is null then
        raise sqlstate 'PT401' using message = 'the token needs the claims aud, exp and sub',
            hint = 'Ask for a new token.';
    end if;
end;
$$;
comment on function api.check_token() is 'Called before each request: refuses tokens without audience, expiry or subject (401).';
revoke all on function api.check_token() from public;
grant execute on function api.check_token() to supplier, resident, gateway;
