-- PostgREST takes a token without audience, and one that never expires: refuse both. It would also try to write views,
-- whose refusal is an error of the server to it, and count by the statistics of the planner, which are of everybody's
-- rows.
create or replace function api.check_token() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
    method constant text := current_setting('request.method', true);
begin
    if claims ->> 'aud' is null or claims ->> 'exp' is null or coalesce(claims ->> 'sub', '') = '' then
        raise sqlstate 'PT401' using message = 'the token needs the claims aud, exp and sub',
            hint = 'Ask for a new token.';
    end if;
    -- Whom decisions are recorded for.
    perform set_config('edf.person', claims ->> 'sub', true);
    if method not in ('GET', 'HEAD', 'OPTIONS') and current_setting('request.path', true) not like '/rpc/%' then
        raise sqlstate 'PT405' using message = format('%s cannot be done here: this is read', method),
            hint = 'GET reads; what meters say, what changes in a building and what people decide is sent by POST to an '
                   'address below /rpc.';
    end if;
    if current_setting('request.headers', true)::jsonb ->> 'prefer' ~ 'count=(planned|estimated)' then
        raise sqlstate 'PT400' using message = 'rows are counted exactly or not at all',
            hint = 'Send Prefer: count=exact.';
    end if;
    -- As db-max-rows of PostgREST's configuration, so that an answer tells that it may have been cut.
    perform set_config('response.headers', '[{"X-Max-Rows": "10000"}]', true);
end;
$$;
comment on function api.check_token() is
$$Called before each request: refuses tokens without audience, expiry or subject (401), all but reading outside of /rpc
(405), and counts by estimate (400); sets edf.person to the subject. Header X-Max-Rows tells the most rows that an
answer has.$$;
revoke all on function api.check_token() from public;
grant execute on function api.check_token() to supplier, resident, gateway, operator;
