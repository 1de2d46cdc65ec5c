-- When to run an appliance.
-- Earlier versions compared one run per call.
drop function if exists energy.compare_starts(text, double precision, interval, timestamptz, timestamptz);
drop function if exists energy.advise(raw.buildings, double precision, double precision, text);

create or replace function energy.compare_starts(
    building_id text, energy_kwh double precision[], durations interval[], now_at timestamptz, deadline timestamptz
)
returns table (
    run bigint, start_at timestamptz, decided_by text, place bigint, is_alike boolean, certainty double precision,
    method text, solar_share double precision, cost double precision, currency text, co2_g double precision
)
-- In PL/pgSQL, whose plans are cached per session.
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- The planner estimates hundreds of rows for each common table expression.
set enable_nestloop = off
-- As in energy.request_outlook.
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    with outlook as materialized (
        select * from energy.request_outlook(compare_starts.building_id)
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

    runs as materialized (
        select asked.run, asked.energy_kwh, duration,
            asked.energy_kwh / (extract(epoch from duration) / 3600) as power_kw
        from unnest(compare_starts.energy_kwh, durations) with ordinality as asked (energy_kwh, duration, run)
    ),

    -- The mean over all paths. Share, cost and CO2 are linear in it, so that only the certainty needs single paths.
    covered as (
        select run, valid_at, avg(least(surplus_kwh, power_kw)) as solar_kw
        from paths cross join runs
        group by run, valid_at
    ),

    starts as (
        select run, now_at as start_at from runs
        union
        select run, generate_series(
            date_trunc('hour', now_at, 'UTC') + interval '1 hour', deadline - duration, interval '1 hour') from runs
    ),

    -- Each hour that a run overlaps, and its share of the run.
    hours as materialized (
        select run, start_at, valid_at, outlook.currency, price_per_kwh, feed_in_price_per_kwh, co2_g_per_kwh,
            runs.energy_kwh, power_kw,
            extract(epoch from least(valid_at + interval '1 hour', start_at + duration) - greatest(valid_at, start_at))
                / 3600 as share
        from starts
        join runs using (run)
        join outlook on valid_at < start_at + duration and valid_at + interval '1 hour' > start_at
    ),

    -- Without a forecast of both demand and solar there is no surplus.
    means as materialized (
        select run, start_at, bool_and(has_solar) as has_solar, min(currency) as currency,
            sum(share * solar_kw) / energy_kwh as solar_share,
            case when bool_and(price_per_kwh is not null)
                 -- Surplus that the run uses is not sold.
                 then sum(share * (price_per_kwh * (power_kw - solar_kw) + feed_in_price_per_kwh * solar_kw))
            end as cost,
            case when bool_and(co2_g_per_kwh is not null)
                 then sum(share * co2_g_per_kwh * (power_kw - solar_kw)) end as co2_g
        from (
            select hours.*, covered.solar_kw is not null as has_solar, coalesce(covered.solar_kw, 0) as solar_kw
            from hours left join covered using (run, valid_at)
        ) as hours
        group by run, start_at, energy_kwh
    ),

    rules as (
        select run, has_solar, case
            when cost is not null then 'cost'
            when has_solar then 'solar'
            when co2_g is not null then 'co2' end as decided_by
        from means where start_at = now_at
    ),

    -- Lower is better. Differences below 0.01 count as ties, broken by CO2, then by the earlier start.
    judged as (
        select means.*, rules.decided_by, round(case rules.decided_by
            when 'cost' then cost when 'solar' then -solar_share when 'co2' then co2_g end::numeric, 2) as judged
        from means join rules using (run)
        where means.has_solar or not rules.has_solar
    ),

    placed as materialized (
        select *,
            row_number() over (
                partition by run
                order by judged, case when decided_by is not null then round(co2_g::numeric) end, start_at) as place,
            max(judged) over by_run is not distinct from min(judged) over by_run
            and max(round(co2_g::numeric)) over by_run is not distinct from min(round(co2_g::numeric)) over by_run
                as is_alike
        from judged
        where judged is not null or decided_by is null
        window by_run as (partition by run)
    ),

    -- Compares the best start with a start now or, if now is best, with the next best.
    pairs as materialized (
        select run, start_at, decided_by,
            row_number() over (partition by run order by place > 1, start_at <> now_at, place) as n
        from placed
    ),

    names as (
        select distinct path from paths
        union all
        select 0 where not exists (select from paths)
    ),

    single as (
        select run, n, path, case decided_by
            when 'cost' then
                sum(share * (price_per_kwh * (power_kw - solar_kw) + feed_in_price_per_kwh * solar_kw))
            when 'solar' then -sum(share * solar_kw) / energy_kwh
            when 'co2' then sum(share * co2_g_per_kwh * (power_kw - solar_kw)) end as judged
        from (
            select hours.*, n, decided_by, path, least(coalesce(surplus_kwh, 0), power_kw) as solar_kw
            from pairs
            join hours using (run, start_at)
            cross join names
            left join paths using (path, valid_at)
            where n <= 2
        ) as hours
        group by run, n, path, decided_by, energy_kwh
    ),

    sure as (
        select run, avg((best.judged <= other.judged + 0.005)::integer)::double precision as certainty
        from single as best join single as other using (run, path)
        where best.n = 1 and other.n = 2
        group by run
    )

    select run, placed.start_at, placed.decided_by, placed.place, placed.is_alike, sure.certainty,
        (select paths.method from paths limit 1), case when has_solar then placed.solar_share end, placed.cost,
        placed.currency, placed.co2_g
    from placed left join sure using (run)
    order by run, place;
end;
$$;
comment on function energy.compare_starts(text, double precision[], interval[], timestamptz, timestamptz) is
$$Simulates runs of appliances, each with an energy drawn evenly over a duration, starting now or at each full hour such
that they end by the deadline: one row per run (its place in the arrays) and start, place 1 being the best.

Averages over energy.surplus_paths: the share covered by surplus, the cost (grid energy at the tariff's price, surplus
at its feed-in price), CO2. decided_by: the first of cost, solar and co2 that is known for a run starting now.
certainty: the share of paths in which the best start is at most 0.005 (in currency, share or grams) worse than a start
now or, if now is best, than the next best. is_alike: all starts are tied.$$;
revoke all on function energy.compare_starts(text, double precision[], interval[], timestamptz, timestamptz)
    from public;

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
    building raw.buildings, energy_kwh double precision[], duration_hours double precision[], deadline text
)
returns table (
    building_id text, start_at timestamptz, end_at timestamptz, start_local timestamp, advice text, decided_by text,
    solar_share double precision, cost double precision, currency text, co2_g double precision,
    now_solar_share double precision, now_cost double precision, now_co2_g double precision, saving double precision,
    certainty double precision, certainty_method text, run bigint
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    now_at    constant timestamptz := energy.clock();
    latest_at constant timestamptz := date_trunc('hour', now_at, 'UTC') + interval '48 hours';
    zone      constant text := building.time_zone;
    durations interval[];
    duration  interval;
    until     timestamptz;
    asked     record;
    starts    bigint;
    compared  record;
    best      record;
    this_hour record;
begin
    for asked in select * from unnest(advise.energy_kwh, advise.duration_hours) as runs (kwh, hours) loop
        if (asked.kwh between 0.001 and 1000) is not true then
            raise exception 'energy_kwh is %: 0.001 to 1000 kWh can be asked for', coalesce(asked.kwh::text, 'missing')
                using errcode = 'invalid_parameter_value', hint = 'Say what one run uses, such as energy_kwh=1.2.';
        elsif (asked.hours between 0.25 and 24) is not true then
            raise exception 'duration_hours is %: 0.25 to 24 hours can be asked for',
                coalesce(asked.hours::text, 'missing')
                using errcode = 'invalid_parameter_value',
                      hint = 'Say how long one run takes, such as duration_hours=2.5.';
        end if;
    end loop;
    durations := array(
        select make_interval(secs => 3600 * hours)
        from unnest(advise.duration_hours) with ordinality as runs (hours, run) order by run);
    until := now_at + interval '24 hours';
    if advise.deadline is not null then
        until := energy.deadline_of(advise.deadline, zone, now_at);
    end if;
    if until > latest_at then
        raise exception 'deadline is %: at most 48 hours ahead are known', energy.iso(until)
            using errcode = 'invalid_parameter_value', hint = format('Give one up to %s.', energy.iso(latest_at));
    elsif until < now_at + (select max(took) from unnest(durations) as took) then
        raise exception 'a run of % hours does not end by %', (select max(hours) from unnest(duration_hours) as hours),
            energy.iso(until)
            using errcode = 'invalid_parameter_value', hint = 'Give a later deadline, or a shorter duration.';
    end if;
    -- By run and place: the rows of a run end with its last place.
    for compared in
        select *, place = max(place) over (partition by run) as is_last
        from energy.compare_starts((building).building_id, energy_kwh, durations, now_at, until) order by run, place
    loop
        if compared.place = 1 then
            best := compared;
        end if;
        if compared.start_at = now_at then
            this_hour := compared;
        end if;
        continue when not compared.is_last;
        starts := compared.place;
        duration := durations[compared.run];
        return query select
            (building).building_id, best.start_at, best.start_at + duration, best.start_at at time zone zone,
            energy.advice_in_words(best, this_hour, starts, duration, zone), best.decided_by, best.solar_share,
            best.cost, best.currency, best.co2_g, this_hour.solar_share, this_hour.cost, this_hour.co2_g,
            this_hour.cost - best.cost, best.certainty, best.method, compared.run;
    end loop;
end;
$$;
comment on function energy.advise(raw.buildings, double precision[], double precision[], text) is
$$The best time to start each of some appliances: see energy.compare_starts and api.energy_advice. Errors: 22023 an
argument is missing, out of range or not a time, or the deadline is too early or more than 48 hours ahead.$$;
revoke all on function energy.advise(raw.buildings, double precision[], double precision[], text) from public;
