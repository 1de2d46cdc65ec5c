-- When to run an appliance.
create or replace function energy.compare_starts(
    building_id text, energy_kwh double precision, duration interval, now_at timestamptz, deadline timestamptz
)
returns table (
    start_at timestamptz, decided_by text, place bigint, is_alike boolean, certainty double precision, method text,
    solar_share double precision, cost double precision, currency text, co2_g double precision
)
language sql stable
set search_path = pg_catalog, pg_temp
-- The planner estimates a thousand rows for a function scan.
set enable_nestloop = off
as $$
    with outlook as materialized (
        select *, energy_kwh / (extract(epoch from duration) / 3600) as power_kw
        from energy.request_outlook(compare_starts.building_id)
    ),

    paths as materialized (
        select drawn.*
        from (
            select jsonb_agg(jsonb_build_object(
                'valid_at', valid_at, 'lead_hours', solar_lead_hours, 'demand', demand, 'solar', solar)) as ahead
            from outlook
            where demand is not null and solar is not null and valid_at < deadline
        ) as known
        cross join lateral energy.surplus_paths(compare_starts.building_id, ahead) as drawn
        where ahead is not null
    ),

    -- Without a forecast of both demand and solar there is a single path without surplus.
    names as (
        select distinct path from paths
        union all
        select 0 where not exists (select from paths)
    ),

    starts as (
        select now_at as start_at
        union
        select generate_series(
            date_trunc('hour', now_at, 'UTC') + interval '1 hour', deadline - duration, interval '1 hour')
    ),

    -- Each hour that a run overlaps: its share of the run, and the power that the surplus covers.
    hours as (
        select start_at, path, outlook.currency, price_per_kwh, feed_in_price_per_kwh, co2_g_per_kwh, power_kw,
            extract(epoch from least(valid_at + interval '1 hour', start_at + duration) - greatest(valid_at, start_at))
                / 3600 as share,
            surplus_kwh is not null as has_solar, least(coalesce(surplus_kwh, 0), power_kw) as solar_kw
        from starts
        join outlook on valid_at < start_at + duration and valid_at + interval '1 hour' > start_at
        cross join names
        left join paths using (path, valid_at)
    ),

    runs as materialized (
        select start_at, path, bool_and(has_solar) as has_solar, sum(share * solar_kw) / energy_kwh as solar_share,
            min(hours.currency) as currency,
            case when bool_and(price_per_kwh is not null)
                 -- Surplus that the run uses is not sold.
                 then sum(share * (price_per_kwh * (power_kw - solar_kw) + feed_in_price_per_kwh * solar_kw))
            end as cost,
            case when bool_and(co2_g_per_kwh is not null)
                 then sum(share * co2_g_per_kwh * (power_kw - solar_kw)) end as co2_g
        from hours
        group by start_at, path
    ),

    rule as (
        select bool_and(has_solar) as has_solar, case
            when bool_and(cost is not null) then 'cost'
            when bool_and(has_solar) then 'solar'
            when bool_and(co2_g is not null) then 'co2' end as decided_by
        from runs where start_at = now_at
    ),

    -- Lower is better.
    judged as materialized (
        select runs.*, rule.decided_by,
            case rule.decided_by when 'cost' then cost when 'solar' then -solar_share when 'co2' then co2_g
            end as judged
        from runs cross join rule
        where runs.has_solar or not rule.has_solar
    ),

    -- Differences below 0.01 count as ties, broken by CO2, then by the earlier start.
    means as (
        select start_at, decided_by, round(avg(judged)::numeric, 2) as mean,
            case when bool_and(has_solar) then avg(solar_share) end as solar_share, avg(cost) as cost,
            min(currency) as currency, avg(co2_g) as co2_g
        from judged
        group by start_at, decided_by
        having bool_and(judged is not null) or bool_and(decided_by is null)
    ),

    placed as materialized (
        select *,
            row_number() over (
                order by mean, case when decided_by is not null then round(co2_g::numeric) end, start_at) as place,
            max(mean) over () is not distinct from min(mean) over ()
            and max(round(co2_g::numeric)) over () is not distinct from min(round(co2_g::numeric)) over () as is_alike
        from means
    ),

    -- Compares the best start with a start now or, if now is best, with the next best.
    pairs as (
        select (select start_at from placed where place = 1) as best_at, (
            select start_at from placed where place > 1 order by start_at <> now_at, place limit 1) as other_at
    ),

    sure as (
        select avg((best.judged <= other.judged + 0.005)::integer) as certainty
        from pairs
        join judged as best on best.start_at = best_at
        join judged as other on other.start_at = other_at and other.path = best.path
    )

    select placed.start_at, placed.decided_by, place, is_alike, sure.certainty,
        (select paths.method from paths limit 1), placed.solar_share, placed.cost, placed.currency, placed.co2_g
    from placed cross join sure
$$;
comment on function energy.compare_starts(text, double precision, interval, timestamptz, timestamptz) is
$$Simulates runs of an appliance with this energy, drawn evenly over a duration, starting now or at each full hour such
that they end by the deadline: one row per start, place 1 being the best.

Averages over energy.surplus_paths: the share covered by surplus, the cost (grid energy at the tariff's price, surplus
at its feed-in price), CO2. decided_by: the first of cost, solar and co2 that is known for a run starting now.
certainty: the share of paths in which the best start is at most 0.005 (in currency, share or grams) worse than a start
now or, if now is best, than the next best. is_alike: all starts are tied.$$;
revoke all on function energy.compare_starts(text, double precision, interval, timestamptz, timestamptz) from public;

create or replace function energy.advice_in_words(
    best record, this_hour record, starts bigint, duration interval, time_zone text
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    local_at constant timestamp := best.start_at at time zone time_zone;
    days     constant integer := local_at::date - (this_hour.start_at at time zone time_zone)::date;
    day_name constant text := case days
        when 0 then 'today' when 1 then 'tomorrow' else to_char(local_at, '"on "FMDay') end;
    is_now   constant boolean := best.start_at = this_hour.start_at;
    less     constant double precision := round((this_hour.co2_g - best.co2_g)::numeric);
    money    constant text := 'FM999999990.00';
begin
    if best.decided_by is null then
        return 'No start time is known to be better than another: there is no tariff, no solar forecast and no CO2 '
               'data. Start whenever you like.';
    elsif starts = 1 then
        return 'No later start ends in time. Start now.';
    elsif best.is_alike then
        return 'It makes no difference when you start: all times up to your deadline are equivalent.';
    end if;
    return concat_ws(' ',
        case when is_now then 'Start now.'
             else format('Start at %s %s; it ends at %s.', to_char(local_at, 'HH24:MI'), day_name,
                         to_char((best.start_at + duration) at time zone time_zone, 'HH24:MI')) end,
        case best.decided_by
            when 'cost' then case
                when is_now then format('It costs about %s %s, and waiting makes it no cheaper.',
                                        to_char(best.cost, money), best.currency)
                else format('It then costs about %s %s, instead of %s %s now.', to_char(best.cost, money),
                            best.currency, to_char(this_hour.cost, money), best.currency) end
            when 'co2' then case
                when is_now then format('It causes about %s g of CO2, and waiting makes it no less.', round(best.co2_g))
                else format('It then causes about %s g of CO2, instead of %s g now.', round(best.co2_g),
                            round(this_hour.co2_g)) end
        end,
        case when best.solar_share is not null then format(
            'About %s %% of its electricity comes from your roof%s.', round(100 * best.solar_share),
            case when not is_now then format(', now it would be %s %%', round(100 * this_hour.solar_share)) end) end,
        case when best.decided_by <> 'co2' and abs(less) >= 1 then
            format('It causes about %s g %s CO2 than now.', abs(less),
                   case when less > 0 then 'less' else 'more' end) end,
        case when best.method is not null and not is_now then
                 format('The chance that this is at least as good as starting now is about %s %%.',
                        round(100 * best.certainty))
             when best.method is not null then
                 format('The chance that no later start is better is about %s %%.', round(100 * best.certainty)) end);
end;
$$;
comment on function energy.advice_in_words(record, record, bigint, interval, text) is
$$Describes the result of energy.compare_starts to residents: its best row, the row of a start now, and the number of
starts.$$;
revoke all on function energy.advice_in_words(record, record, bigint, interval, text) from public;

create or replace function energy.advise(
    building raw.buildings, energy_kwh double precision, duration_hours double precision, deadline text
)
returns table (
    building_id text, start_at timestamptz, end_at timestamptz, start_local timestamp, advice text, decided_by text,
    solar_share double precision, cost double precision, currency text, co2_g double precision,
    now_solar_share double precision, now_cost double precision, now_co2_g double precision, saving double precision,
    certainty double precision, certainty_method text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    now_at    constant timestamptz := energy.clock();
    latest_at constant timestamptz := date_trunc('hour', now_at, 'UTC') + interval '48 hours';
    zone      constant text := building.time_zone;
    duration  interval;
    until     timestamptz;
    starts    bigint;
    compared  record;
    best      record;
    this_hour record;
begin
    if (advise.energy_kwh between 0.001 and 1000) is not true then
        raise exception 'energy_kwh is %: 0.001 to 1000 kWh can be asked for', coalesce(energy_kwh::text, 'missing')
            using errcode = 'invalid_parameter_value', hint = 'Say what one run uses, such as energy_kwh=1.2.';
    elsif (advise.duration_hours between 0.25 and 24) is not true then
        raise exception 'duration_hours is %: 0.25 to 24 hours can be asked for',
            coalesce(duration_hours::text, 'missing')
            using errcode = 'invalid_parameter_value', hint = 'Say how long one run takes, such as duration_hours=2.5.';
    end if;
    duration := make_interval(secs => 3600 * duration_hours);
    until := now_at + interval '24 hours';
    if advise.deadline is not null then
        until := energy.deadline_of(advise.deadline, zone, now_at);
    end if;
    if until > latest_at then
        raise exception 'deadline is %: at most 48 hours ahead are known', energy.iso(until)
            using errcode = 'invalid_parameter_value', hint = format('Give one up to %s.', energy.iso(latest_at));
    elsif until < now_at + duration then
        raise exception 'a run of % hours does not end by %', duration_hours, energy.iso(until)
            using errcode = 'invalid_parameter_value', hint = 'Give a later deadline, or a shorter duration.';
    end if;
    for compared in
        select * from energy.compare_starts((building).building_id, energy_kwh, duration, now_at, until) order by place
    loop
        starts := compared.place;
        if compared.place = 1 then
            best := compared;
        end if;
        if compared.start_at = now_at then
            this_hour := compared;
        end if;
    end loop;
    return query select
        (building).building_id, best.start_at, best.start_at + duration, best.start_at at time zone zone,
        energy.advice_in_words(best, this_hour, starts, duration, zone), best.decided_by, best.solar_share, best.cost,
        best.currency, best.co2_g, this_hour.solar_share, this_hour.cost, this_hour.co2_g, this_hour.cost - best.cost,
        best.certainty, best.method;
end;
$$;
comment on function energy.advise(raw.buildings, double precision, double precision, text) is
$$The best time to start an appliance: see energy.compare_starts and api.energy_advice. Errors: 22023 an argument is
missing, out of range or not a time, or the deadline is too early or more than 48 hours ahead.$$;
revoke all on function energy.advise(raw.buildings, double precision, double precision, text) from public;
