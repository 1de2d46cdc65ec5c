-- PostgREST takes a token without audience, and one that never expires: refuse both. It would also try to write views,
-- whose refusal is an error of the server to it, and count by the statistics of the planner, which are of everybody's
-- rows.
create or replace function api.check_token() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    claims  constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
    method  constant text := current_setting('request.method', true);
    path    constant text := current_setting('request.path', true);
    headers constant jsonb := nullif(current_setting('request.headers', true), '');
    -- For the log of reads; nginx takes it out of the answer. Encoded, since a sub may hold anything.
    caller  constant jsonb := jsonb_build_object('X-Caller', energy.base64url(convert_to(jsonb_build_object(
        'subject', claims -> 'sub', 'role', claims -> 'role', 'key_id', claims -> 'key_id')::text, 'UTF8')));
    etag    text;
    etagged jsonb;
    fault   text;
begin
    -- Without a token an API key may be exchanged for one, and nothing else.
    if claims ->> 'role' = 'anonymous' and method = 'POST' and path = '/rpc/token' then
        perform set_config('response.headers', '[{"Cache-Control": "no-store"}]', true);
        return;
    end if;
    fault := energy.token_fault(claims);
    if fault is not null then
        perform energy.refuse('PT401', fault, 'Ask for a new token.');
    end if;
    -- Whom decisions are recorded for.
    perform set_config('edf.person', claims ->> 'sub', true);
    if method not in ('GET', 'HEAD', 'OPTIONS') and path not like '/rpc/%' then
        perform energy.refuse('PT405', format('%s cannot be done here: this is read', method),
            'GET reads; what meters say, what changes in a building and what people decide is sent by POST to an '
                   'address below /rpc.');
    end if;
    if headers ->> 'prefer' ~ 'count=(planned|estimated)' then
        perform energy.refuse('PT400', 'rows are counted exactly or not at all', 'Send Prefer: count=exact.');
    end if;
    -- Operators read what no access is noted of.
    if method in ('GET', 'HEAD') and claims ->> 'role' <> 'operator'
       and path in ('/forecasts', '/portfolio_forecasts', '/rpc/forecast_chart') then
        etag := format('W/"%s"', energy.forecast_etag(claims, headers));
        etagged := jsonb_build_object(
            'ETag', etag, 'Cache-Control', 'private, no-cache', 'Vary', 'Authorization, Accept, Prefer, Range');
        -- What the caller has is still so: nothing is read.
        if strpos(headers ->> 'if-none-match', substr(etag, 3)) > 0 then
            raise sqlstate 'PGRST' using
                message = '{"code": "PT304", "message": "not modified", "details": null, "hint": null}',
                detail = jsonb_build_object('status', 304, 'headers', caller || etagged);
        end if;
    end if;
    -- The most rows as db-max-rows of PostgREST's configuration, so that an answer tells that it may have been cut.
    -- What is answered is for this caller alone.
    perform set_config('response.headers', (
        select jsonb_agg(jsonb_build_object(key, value))
        from jsonb_each(caller || '{"X-Max-Rows": "10000"}' || coalesce(etagged, '{"Cache-Control": "no-store"}'))
    )::text, true);
end;
$$;
comment on function api.check_token() is
$$Called before each request: refuses tokens without audience, expiry, subject or role of the API, that expire in more
than api.max_lifetime, or whose API key is revoked (401), all but reading outside of /rpc (405), and counts by estimate
(400); sets edf.person to the subject. Header X-Max-Rows tells the most rows that an answer has; ETag what the forecasts
are: who has them still (If-None-Match) is answered with 304.$$;
revoke all on function api.check_token() from public;
grant execute on function api.check_token() to anonymous, supplier, resident, gateway, operator, technician;
