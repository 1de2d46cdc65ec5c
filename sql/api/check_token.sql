-- PostgREST accepts a token without audience, and one without expiry: reject both. It would also try to write to views,
-- whose refusal it reports as a server error, and estimate counts from planner statistics, which cover the rows of all
-- callers.
create or replace function api.check_token() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    claims  constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    method  constant text := current_setting('request.method', true);
    path    constant text := current_setting('request.path', true);
    headers constant jsonb := nullif(current_setting('request.headers', true), '')::jsonb;
    -- For the access log; nginx removes it from the response. Encoded, since sub may hold any text.
    caller  constant jsonb := jsonb_build_object('X-Caller', energy.base64url(convert_to(jsonb_build_object(
        'subject', claims -> 'sub', 'role', claims -> 'role', 'key_id', claims -> 'key_id')::text, 'UTF8')));
    etag    text;
    etagged jsonb;
    fault   text;
begin
    -- Without a token, only an API key can be exchanged for one.
    if claims ->> 'role' = 'anonymous' and method = 'POST' and path = '/rpc/token' then
        perform set_config('response.headers', '[{"Cache-Control": "no-store"}]', true);
        return;
    end if;
    fault := energy.token_fault(claims);
    if fault is not null then
        perform energy.refuse('PT401', fault, 'Ask for a new token.');
    end if;
    -- The person recorded with decisions.
    perform set_config('edf.person', claims ->> 'sub', true);
    if method not in ('GET', 'HEAD', 'OPTIONS') and path not like '/rpc/%' then
        perform energy.refuse('PT405', format('%s is not allowed on this read-only path', method),
            'Use GET to read; send meter messages, changes of buildings and decisions by POST to a path below /rpc.');
    end if;
    if headers ->> 'prefer' ~ 'count=(planned|estimated)' then
        perform energy.refuse('PT400', 'estimated counts are not supported', 'Send Prefer: count=exact.');
    end if;
    -- Operators have no rows in energy.building_access, which the ETag is made of.
    if method in ('GET', 'HEAD') and claims ->> 'role' <> 'operator'
       and path in ('/forecasts', '/portfolio_forecasts', '/rpc/forecast_chart') then
        etag := format('W/"%s"', energy.forecast_etag(claims, headers));
        etagged := jsonb_build_object(
            'ETag', etag, 'Cache-Control', 'private, no-cache', 'Vary', 'Authorization, Accept, Prefer, Range');
        -- The caller's copy is current: skip the query.
        if strpos(headers ->> 'if-none-match', substr(etag, 3)) > 0 then
            raise sqlstate 'PGRST' using
                message = '{"code": "PT304", "message": "not modified", "details": null, "hint": null}',
                detail = jsonb_build_object('status', 304, 'headers', caller || etagged);
        end if;
    end if;
    -- X-Max-Rows repeats PostgREST's db-max-rows, so that clients can detect a truncated response. Responses are for
    -- this caller alone.
    perform set_config('response.headers', (
        select jsonb_agg(jsonb_build_object(key, value))
        from jsonb_each(caller || '{"X-Max-Rows": "10000"}' || coalesce(etagged, '{"Cache-Control": "no-store"}'))
    )::text, true);
end;
$$;
comment on function api.check_token() is
$$Called before each request. Rejects tokens without audience, expiry, subject or an API role, with an expiry beyond
api.max_lifetime, or of a revoked API key (401); writes outside of /rpc (405); estimated counts (400). Sets edf.person
to the subject. Header X-Max-Rows is the maximum number of rows of a response; ETag identifies the forecasts: a request
with a current If-None-Match gets 304.$$;
revoke all on function api.check_token() from public;
grant execute on function api.check_token() to anonymous, supplier, resident, gateway, operator, technician;
