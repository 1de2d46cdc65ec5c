create or replace function energy.record_api_errors(counts jsonb) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Unknown paths are grouped, so that scans do not create a row per path.
    with known as (
        select '/' || relname as path from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'
        union all
        select '/rpc/' || proname from pg_proc where pronamespace = 'api'::regnamespace
        union all
        select '/'
    )

    insert into energy.api_errors as kept (minute, method, path, role, status, requests)
    select minute, left(method, 10), coalesce((select known.path from known where known.path = counted.path limit 1),
        'other'), coalesce(left(role, 63), ''),
        status, sum(requests)
    from jsonb_to_recordset(counts) as counted (minute timestamptz, method text, path text, role text, status integer,
        requests bigint)
    group by 1, 2, 3, 4, 5
    on conflict on constraint api_errors_pkey do update set requests = kept.requests + excluded.requests
$$;
comment on function energy.record_api_errors(jsonb) is
$$Adds failed requests to energy.api_errors: an array of objects with minute, method, path, role, status and
requests. edf-api-log calls it.$$;
revoke all on function energy.record_api_errors(jsonb) from public;
