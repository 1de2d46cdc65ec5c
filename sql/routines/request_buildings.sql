-- Access rules of the API. The views of schema api are built on these, and read them with the rights of their owner.

-- Read from the table, which takes a tenth of the time of energy.current_config(): each request reads it.
create or replace view energy.api_limits as
select
    coalesce((api ->> 'min_apartments')::integer, 5) as min_apartments,
    coalesce((api ->> 'max_lifetime')::interval, interval '8 days') as max_lifetime,
    (api ->> 'exchange_lifetime')::interval as exchange_lifetime
from (select (select config -> 'api' from energy.configs order by config_id desc limit 1) as api) as configs;
comment on view energy.api_limits is 'Section api of the configuration: one row.';

create or replace view energy.request_buildings as
select
    -- Callers can see the planner's estimate of a count. For an expression, the estimate does not use column
    -- statistics, which could reveal rows of other buildings.
    access.building_id || '' as building_id,
    access.building_id as lookup_id,
    sizes.changed_at,
    sizes.apartments,
    case when current_user in ('resident', 'operator') then '-infinity' else sizes.shown_from end as shown_from
from (
    select building_id from energy.building_access
    -- A reset setting reads as '', not null, and '' is not json; a subquery, so that it is read once.
    where subject = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
      and current_user <> 'operator'
    union all
    select building_id from raw.buildings where current_user = 'operator'
) as access
cross join lateral (
    select
        array_agg(at order by at) as changed_at,
        array_agg(size order by at) as apartments,
        case when sum(change) >= (select min_apartments from energy.api_limits)
             then max(at) filter (where size - change < (select min_apartments from energy.api_limits))
        end as shown_from
    from (
        select at, sum(change) as change, (sum(sum(change)) over (order by at))::integer as size
        from (
            select coalesce(valid_from, '-infinity') as at, 1 as change
            from raw.apartments
            where apartments.building_id = access.building_id
            union all
            select valid_to as at, -1 as change
            from raw.apartments
            where apartments.building_id = access.building_id and valid_to is not null
        ) as changes
        where at <= (select energy.clock())
        group by at
    ) as steps
) as sizes;
comment on view energy.request_buildings is
$$The buildings of the API request's token, and from when on forecasts of each may be shown individually.

A supplier sees a building since it has continuously had api.min_apartments; earlier forecasts are only included in the
sum of its buildings. A resident sees its own building, however small; an operator sees all.$$;
comment on column energy.request_buildings.lookup_id is 'building_id, for joins and sorting.';
comment on column energy.request_buildings.changed_at is
    'When the number of its apartments changed, up to energy.clock().';
comment on column energy.request_buildings.apartments is 'Number of apartments from then on.';
comment on column energy.request_buildings.shown_from is
    'First issue time whose forecasts are shown; NULL: none.';

-- Earlier versions had no refreshes; the views of schema api are recreated afterwards.
do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = to_regclass('energy.request_forecasts') and attname = 'refreshed_at') then
        drop view if exists energy.request_forecasts cascade;
    end if;
end;
$$;

create or replace view energy.request_forecasts as
select
    own.building_id,
    own.lookup_id,
    least(
        coalesce(own.apartments[width_bucket(newest.issued_at, own.changed_at)], 0),
        own.apartments[cardinality(own.apartments)]
    ) as apartments,
    coalesce(newest.issued_at >= own.shown_from, false) as is_shown,
    newest.*
from energy.request_buildings as own
cross join lateral (
    select
        issued.valid_at,
        issued.issued_at,
        issued.lead_hours,
        issued.yhat as issued_yhat,
        coalesce(refreshed.yhat, issued.yhat) as yhat,
        coalesce(refreshed.yhat_lower, issued.yhat_lower) as yhat_lower,
        coalesce(refreshed.yhat_upper, issued.yhat_upper) as yhat_upper,
        case when refreshed_at is null then issued.confidence else refreshed.confidence end as confidence,
        coalesce(refreshed.source, issued.source) as source,
        coalesce(refreshed.quality, issued.quality) as quality,
        coalesce(refreshed.quality_reasons, issued.quality_reasons) as quality_reasons,
        coalesce(issued.revision, 0) as revision,
        refreshed_at
    from (
        -- For each building the index has its hours in order, the newest issue of each first.
        select distinct on (valid_at) *
        from energy.forecasts
        where forecasts.building_id = own.lookup_id
          and valid_at >= (select date_trunc('hour', energy.clock(), 'UTC'))
        order by valid_at, issued_at desc
    ) as issued
    left join (
        select distinct on (valid_at) *
        from energy.refreshed_forecasts
        where refreshed_forecasts.building_id = own.lookup_id
          and valid_at >= (select date_trunc('hour', energy.clock(), 'UTC'))
        order by valid_at, refreshed_at desc
    ) as refreshed
        on refreshed.valid_at = issued.valid_at
        and refreshed_at > coalesce(issued.known_at, issued.issued_at)
    -- Both are read once for each building: merged into the query, refreshes would be read again for each hour.
    offset 0
) as newest;
comment on view energy.request_forecasts is
$$The newest forecast of each hour from the current one on, for the buildings of a request, as corrected by the newest
refresh.$$;
comment on column energy.request_forecasts.issued_yhat is 'The forecast as issued.';
comment on column energy.request_forecasts.refreshed_at is
    'When it was corrected: energy.refreshed_forecasts; NULL: it is as issued.';
comment on column energy.request_forecasts.apartments is 'The smaller of the numbers at issue and now.';
comment on column energy.request_forecasts.is_shown is 'It may be shown individually.';
