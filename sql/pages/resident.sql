-- The pages of residents and suppliers. Each reads the views of the API with the caller's rights.

create or replace function energy.page_ahead(building_id text, zone text) returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with

    ahead as materialized (
        select * from api.my_building(page_ahead.building_id)
    ),

    measured as (
        select valid_at, demand_kwh from api.measured_demand
        where measured_demand.building_id = page_ahead.building_id
          and valid_at >= date_trunc('hour', energy.clock(), 'UTC') - interval '24 hours' and valid_at < energy.clock()
    ),

    hours as (
        select valid_at, measured.demand_kwh as measured_kwh, ahead.demand_kwh, demand_lower_kwh, demand_upper_kwh,
            solar_kwh
        from ahead full join measured using (valid_at)
    ),

    next_day as (
        select sum(demand_kwh) as kwh, sum(solar_kwh) as solar_kwh, max(issued_at) as issued_at,
            (array_agg(valid_at order by demand_kwh desc, valid_at))[1] as peak_at, max(demand_kwh) as peak_kwh,
            (array_agg(valid_at order by demand_kwh, valid_at))[1] as least_at, min(demand_kwh) as least_kwh
        from ahead where valid_at < energy.clock() + interval '24 hours' and demand_kwh is not null
    )

    select xmlconcat(
        xmlelement(name dl, xmlattributes('tiles' as class),
            energy.page_tile('next_day', 'Next 24 hours', energy.page_number(kwh, 0) || E'\u00a0kWh', null,
                'expected of the whole building'),
            case when solar_kwh is not null then energy.page_tile(
                'solar', 'Sun, next 24 hours', energy.page_number(solar_kwh, 0) || E'\u00a0kWh', null,
                'expected of the roof') end,
            energy.page_tile('peak', 'Most', energy.page_clock(peak_at, zone), null,
                energy.page_number(peak_kwh) || ' kWh in the hour'),
            energy.page_tile('least', 'Least', energy.page_clock(least_at, zone), null,
                energy.page_number(least_kwh) || ' kWh in the hour'),
            energy.page_tile('issued', 'Forecast made', energy.page_clock(issued_at, zone), null,
                case when issued_at is null then 'there is none yet' else 'times of the building' end)),
        energy.page_section('today', 'Today and tomorrow',
            (
                select energy.page_chart('Your building.',
                    'What it used in the last day, and what it is expected to use in the next two.', zone,
                    coalesce(array_agg(valid_at order by valid_at), '{}'), array_agg(measured_kwh order by valid_at),
                    array_agg(demand_kwh order by valid_at), array_agg(demand_lower_kwh order by valid_at),
                    array_agg(demand_upper_kwh order by valid_at),
                    case when bool_or(solar_kwh is not null) then array_agg(solar_kwh order by valid_at) end)
                from hours
            )))
    from next_day;
end;
comment on function energy.page_ahead(text, text) is
    'The next two days of a building, after the past one: /rpc/my_building, /measured_demand.';
revoke all on function energy.page_ahead(text, text) from public;

-- Several appliances at a time, whose scenarios are drawn once.
create or replace function energy.request_advice(
    building_id text, energy_kwh double precision[], duration_hours double precision[]
)
returns table (run bigint, start_at timestamptz, advice text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select run, start_at, advice
    from energy.advise(
        energy.request_building(request_advice.building_id), request_advice.energy_kwh, request_advice.duration_hours,
        null);
end;
comment on function energy.request_advice(text, double precision[], double precision[]) is
    'What /rpc/energy_advice returns for each of some runs within 24 hours, by their place in the arrays.';
revoke all on function energy.request_advice(text, double precision[], double precision[]) from public;

create or replace function energy.page_advice(building_id text, zone text) returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with

    appliances as (
        select * from (values (1, 'Washing machine', 1.0, 2), (2, 'Dishwasher', 1.2, 3), (3, 'Electric car', 12.0, 5))
            as appliances (n, appliance, energy_kwh, duration_hours)
    )

    select energy.page_section('advice', 'When to run what', energy.page_table('cards',
        'The best start within the next 24 hours. Times are those of the building.',
        array['Appliance', 'Start', 'Why'],
        xmlagg(xmlelement(name tr, xmlattributes(appliance as "data-row"),
            xmlelement(name th, xmlattributes('row' as scope), appliance,
                xmlelement(name small, format('%s kWh in %s hours', energy_kwh, duration_hours))),
            energy.page_cell('Start', energy.page_clock(best.start_at, zone)),
            energy.page_cell('Why', best.advice))
            order by n)))
    from appliances
    join energy.request_advice(
        page_advice.building_id, (select array_agg(energy_kwh order by n) from appliances),
        (select array_agg(duration_hours order by n) from appliances)) as best on best.run = n;
end;
comment on function energy.page_advice(text, text) is
    'The best times to run three appliances: /rpc/energy_advice.';
revoke all on function energy.page_advice(text, text) from public;

create or replace function energy.page_week(building_id text, zone text) returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with

    hours as (
        select valid_at, demand_kwh as measured_kwh, null::double precision as forecast_kwh
        from api.measured_demand
        where measured_demand.building_id = page_week.building_id
          and valid_at >= date_trunc('day', energy.clock() at time zone zone - interval '7 days') at time zone zone
          and valid_at < energy.clock()
        union all
        select valid_at, null as measured_kwh, demand_kwh from api.forecasts
        where forecasts.building_id = page_week.building_id
    ),

    days as (
        select (valid_at at time zone zone)::date as local_date, sum(measured_kwh) as measured_kwh,
            sum(forecast_kwh) as forecast_kwh, count(measured_kwh) + count(forecast_kwh) as known,
            extract(epoch from ((valid_at at time zone zone)::date + 1)::timestamp at time zone zone
                - (valid_at at time zone zone)::date::timestamp at time zone zone) / 3600 as hours
        from hours group by 1, 5
    )

    select energy.page_section('week', 'The week', xmlconcat(
        case when count(*) = 0 then xmlelement(name p, 'No data yet.') else energy.page_table('numbers',
            'Demand of the whole building by day, in kWh.',
            array['Day', 'Measured', 'Expected', 'Total']
                || case when bool_or(generated_kwh > 0) then array['Sun', 'Used here'] end,
            xmlagg(xmlelement(name tr,
                xmlelement(name th, xmlattributes('row' as scope), to_char(local_date, 'Dy DD Mon')),
                xmlforest(energy.page_number(measured_kwh) as td, energy.page_number(forecast_kwh) as td,
                    xmlconcat(
                        xmlelement(name span, energy.page_number(kwh) || case when known < hours then ' *' else '' end),
                        energy.page_bar(kwh / highest)) as td,
                    case when has_sun then energy.page_number(generated_kwh) end as td,
                    case when has_sun then energy.page_percent(100 * used_share, 0) end as td))
                order by local_date)) end,
        case when bool_or(known < hours) then xmlelement(name p, xmlattributes('soft' as class),
            '* Not all hours of the day are known.') end))
    from (
        select days.*, coalesce(measured_kwh, 0) + coalesce(forecast_kwh, 0) as kwh,
            nullif(max(coalesce(measured_kwh, 0) + coalesce(forecast_kwh, 0)) over (), 0) as highest,
            generated_kwh, used_share, bool_or(generated_kwh > 0) over () as has_sun
        from days
        left join api.my_self_consumption(page_week.building_id, 'day', 8) as sun on sun.starts_on = days.local_date
    ) as days;
end;
comment on function energy.page_week(text, text) is
$$The last seven days and the coming days of a building, day by day: /measured_demand, /forecasts,
/rpc/my_self_consumption.$$;
revoke all on function energy.page_week(text, text) from public;

create or replace function energy.resident_page(building_id text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with

    buildings as materialized (
        select * from api.buildings
    ),

    chosen as materialized (
        select * from buildings
        where resident_page.building_id is null or buildings.building_id = resident_page.building_id
        order by buildings.building_id limit 1
    )

    select energy.page(
        coalesce((select name from chosen), 'Your building'),
        case when (select count(*) from buildings) > 1 then xmlelement(name nav,
            xmlattributes('Your buildings' as "aria-label"), (
            select xmlagg(xmlelement(name a, xmlattributes(
                energy.page_link(buildings.building_id) as href,
                case when buildings.building_id = chosen.building_id then 'page' end as "aria-current"),
                name || ' ') order by buildings.building_id)
            from buildings cross join (select chosen.building_id from chosen) as chosen)) end,
        coalesce(
            (
                select xmlconcat(
                    energy.page_ahead(chosen.building_id, time_zone), energy.page_advice(chosen.building_id, time_zone),
                    energy.page_week(chosen.building_id, time_zone))
                from chosen
            ),
            xmlelement(name p, 'You have no buildings yet. Ask the operator of this service for access.')))
    where energy.check_page(building_id, exists (select from chosen), 1);
end;
comment on function energy.resident_page(text) is
    'The page of role resident: one of their buildings, by default the first. Errors: as energy.check_page.';
revoke all on function energy.resident_page(text) from public;

create or replace function energy.supplier_page() returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select energy.page('Portfolio', null, xmlconcat(
        energy.page_section('sum', 'The sum of your buildings',
            (
                select energy.page_chart(
                    'Forecast.', 'The newest forecasts added up, with an interval of the sum.', 'UTC',
                    coalesce(array_agg(valid_at order by valid_at), '{}'), null,
                    array_agg(demand_kwh order by valid_at), array_agg(demand_lower_kwh order by valid_at),
                    array_agg(demand_upper_kwh order by valid_at))
                from api.portfolio_forecasts
            )),
        energy.page_section('errors', 'How good forecasts were', energy.page_errors())));
end;
comment on function energy.supplier_page() is
    'The page of role supplier: /portfolio_forecasts and /accuracy.';
revoke all on function energy.supplier_page() from public;
