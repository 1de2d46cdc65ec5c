create or replace function energy.record_api_reads(reads jsonb) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Only reads: functions that write record their caller themselves.
    with known as (
        select '/' || relname as path from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'
        union all
        select '/rpc/' || proname from pg_proc where pronamespace = 'api'::regnamespace and provolatile <> 'v'
    )

    insert into energy.api_reads as kept (minute, subject, role, key_id, path, buildings, status, requests, rows)
    select minute, subject, role, coalesce(key_id, ''), path, buildings, status, sum(requests), sum(rows)
    from (
        select sent.*,
            -- Without a building filter, the read may have covered all buildings of the subject.
            coalesce(
                (select array_agg(distinct left(name, 80) order by left(name, 80))
                 from jsonb_array_elements_text(named) as name),
                array(
                    select building_id from energy.building_access as access
                    where access.subject = sent.subject order by 1)
            ) as buildings
        from jsonb_to_recordset(reads) as sent (
            minute timestamptz, subject text, role text, key_id text, path text, named jsonb, status integer,
            requests bigint, rows bigint)
        where subject <> '' and path in (select known.path from known)
    ) as resolved
    group by 1, 2, 3, 4, 5, 6, 7
    on conflict on constraint api_reads_pkey do update
    set requests = kept.requests + excluded.requests, rows = kept.rows + excluded.rows
$$;
comment on function energy.record_api_reads(jsonb) is
$$Adds reads to energy.api_reads: an array of objects with minute, subject, role, key_id, path, named (buildings, or
null), status, requests and rows. edf-api-log calls it.$$;
revoke all on function energy.record_api_reads(jsonb) from public;
