-- In PL/pgSQL, whose plans are cached per session: each request calls this.
create or replace function energy.forecast_etag(claims jsonb, headers jsonb) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    hour    constant timestamptz := date_trunc('hour', energy.clock());
    issues  text;
begin
    select string_agg(
        concat_ws(' ', access.building_id, newest.issued_at, newest.revision, newest.created_at, (
            select max(refreshed_at) from energy.refreshed_forecasts as refreshed
            where refreshed.building_id = access.building_id and valid_at = hour)),
        ',' order by access.building_id)
    into issues
    from energy.building_access as access
    left join lateral (
        -- An issue is written as a whole, so its next hour represents it. A refresh begins with the current hour.
        select issued_at, revision, created_at from energy.forecasts
        where forecasts.building_id = access.building_id and valid_at = hour + interval '1 hour'
        order by issued_at desc limit 1
    ) as newest on true
    where access.subject = claims ->> 'sub';
    return md5(concat_ws(
        e'\n', claims ->> 'sub', claims ->> 'role',
        -- Headers that change the response of the same URL.
        headers ->> 'accept', headers ->> 'accept-profile', headers ->> 'prefer', headers ->> 'range',
        -- Responses begin with the current hour.
        hour, (select max(config_id) from energy.configs), (select max(deployment_id) from energy.deployments),
        issues));
end;
$$;
comment on function energy.forecast_etag(jsonb, jsonb) is
$$The ETag of the forecasts that a request with these claims and headers returns. It changes with the newest issue, its
revision and the newest refresh of each building, the hour, the access, the configuration and the software. Changes of
apartments take effect from the next hour on.$$;
revoke all on function energy.forecast_etag(jsonb, jsonb) from public;
