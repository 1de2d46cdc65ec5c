create function edf.scenarios(
    forecasts text,
    residuals text,
    scenarios integer default 100,
    seed      bigint  default 0
) returns table (
    scenario   integer,
    series     text,
    valid_at   timestamptz,
    lead_hours double precision,
    value      double precision,
    origins    bigint
)
language plpgsql stable
as $$
declare
    known text[];
    types text[];
    given text;
    found record;
begin
    perform edf.require('forecasts', forecasts is not null), edf.require('residuals', residuals is not null),
            edf.require('scenarios', scenarios is not null), edf.require('seed', seed is not null);
    select array_agg(c.name), array_agg(c.type) into known, types from edf.columns_of(forecasts) as c;
    foreach given in array array['series', 'valid_at', 'lead_hours'] loop
        perform edf.require_column('forecasts', given, known);
    end loop;
    if not exists (select from edf.score_inputs(known, types) as i where i.name = 'quantiles') then
        perform edf.require_column('forecasts', 'quantile_values', known), edf.require_column('forecasts', 'quantiles', known);
    end if;
    foreach given in array array['series', 'issued_at', 'lead_hours', 'actual', 'yhat'] loop
        perform edf.require_column('residuals', given, array(select c.name from edf.columns_of(residuals) as c));
    end loop;
    execute format(
        $query$
        with edf_forecasts as materialized (
            select q.series::text as series, q.valid_at::timestamptz as valid_at, q.lead_hours::double precision as lead_hours,
                %3$s as quantile_values, %4$s as quantiles
            from (
            %1$s
            ) as q
        ),
        edf_members as materialized (
            select series, row_number() over (order by series)::integer - 1 as place
            from (select distinct series from edf_forecasts) as named
        ),
        edf_steps as (
            select place, edf_forecasts.* from edf_forecasts join edf_members using (series)
        ),
        edf_residuals as materialized (
            select place, r.issued_at::timestamptz as issued_at, r.lead_hours::double precision as lead_hours,
                r.actual::double precision - r.yhat::double precision as error
            from (
            %2$s
            ) as r
            join edf_members on edf_members.series = r.series::text
        )
        select
            (select count(*) from edf_members) as members,
            (select min(valid_at) from edf_forecasts where quantile_values is null or quantiles is distinct from (select quantiles from edf_forecasts limit 1))
                as unlike_at,
            (select min(valid_at) from (select valid_at from edf_forecasts group by series, valid_at having count(*) > 1) as twice) as forecast_twice_at,
            (select min(issued_at) from (select issued_at from edf_residuals group by place, issued_at, lead_hours having count(*) > 1) as twice)
                as residual_twice_at,
            (select min(series) from edf_members where place not in (select place from edf_residuals where error is not null)) as unknown,
            (select array_agg(series order by place, valid_at) from edf_steps) as series,
            (select array_agg(place order by place, valid_at) from edf_steps) as places,
            (select array_agg(valid_at order by place, valid_at) from edf_steps) as valid_at,
            (select array_agg(lead_hours order by place, valid_at) from edf_steps) as lead_hours,
            (select array_agg(value order by place, valid_at, n) from edf_steps cross join unnest(quantile_values) with ordinality as q (value, n))
                as quantile_values,
            (select quantiles from edf_forecasts limit 1) as quantiles,
            (select array_agg(place order by issued_at, place, lead_hours) from edf_residuals where error is not null) as r_places,
            (select array_agg(issued_at order by issued_at, place, lead_hours) from edf_residuals where error is not null) as r_issued_at,
            (select array_agg(lead_hours order by issued_at, place, lead_hours) from edf_residuals where error is not null) as r_lead_hours,
            (select array_agg(error order by issued_at, place, lead_hours) from edf_residuals where error is not null) as r_error
        $query$,
        rtrim(forecasts, e' \t\r\n;'), rtrim(residuals, e' \t\r\n;'),
        (select i.expression from edf.score_inputs(known, types) as i where i.name = 'quantile_values'),
        (select i.expression from edf.score_inputs(known, types) as i where i.name = 'quantiles'))
    into found;
    if found.members = 0 then
        raise exception 'the query of forecasts returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    elsif found.forecast_twice_at is not null or found.residual_twice_at is not null then
        raise exception 'a series is listed twice for one step: %',
            coalesce('forecasts at ' || found.forecast_twice_at, 'residuals issued at ' || found.residual_twice_at)
            using errcode = 'invalid_parameter_value', hint = 'Choose one forecast of each series, such as its newest.';
    elsif found.unlike_at is not null then
        raise exception 'a forecast at % has no quantiles, or other levels than the rest', found.unlike_at
            using errcode = 'data_exception', hint = 'Forecast all series with the same levels.';
    elsif found.unknown is not null then
        raise exception 'no residual of series "%" is known', found.unknown
            using errcode = 'data_exception', hint = 'Give residuals of every series: actual and yhat, by series, issued_at and lead_hours.';
    end if;
    return query
    select d.scenario, s.series, s.valid_at, s.lead_hours, s.value, d.origins
    from edf.draw_scenarios(
        found.places, found.valid_at, found.lead_hours, found.quantile_values, found.quantiles,
        coalesce(found.r_places, '{}'), coalesce(found.r_issued_at, '{}'), coalesce(found.r_lead_hours, '{}'), coalesce(found.r_error, '{}'),
        scenarios, seed) as d
    cross join lateral unnest(found.series, found.valid_at, found.lead_hours, d.scenario_values) as s (series, valid_at, lead_hours, value);
end;
$$;
comment on function edf.scenarios is
$$Draws joint scenarios of several series over all steps ahead, such as 100 possible paths of the next 72 hours of
demand and of solar generation: one row per scenario, series and step. Each step is distributed as its quantiles say;
steps and series of one scenario are correlated like the errors of past forecasts.

Method: the Schaake shuffle (Clark et al., 2004) on ranks of forecast errors, a form of ensemble copula coupling
(Schefzik et al., 2013). edf.score_scenarios scores them.
forecasts: a query with the columns series, valid_at, lead_hours and quantiles, either the arrays quantile_values and
quantiles or columns such as q05 and q50; two levels or more, the same for all series. residuals: a query with
series, issued_at, lead_hours, actual and yhat. An origin is used if the residuals of all its series and steps are
known, and were known when the first of the forecasts was issued; origins: how many were used. A dozen are too few,
60 or more are good. seed: the same seed draws the same scenarios.
Limits: 10,000 scenarios, 25 million values. Memory: 8 bytes per value, 100 per residual.
Errors: 22023 a missing column, a series twice, too many scenarios; 22000 no row, different levels, no origin at
which all residuals are known, NaN or infinite values; and those of the queries.$$;
revoke all on function edf.scenarios from public;

create function edf.score_scenarios(scenarios text) returns table (
    issued_at       timestamptz,
    energy_score    double precision,
    variogram_score double precision,
    scenarios_n     bigint,
    steps_n         bigint
)
language plpgsql stable
as $$
declare
    known text[];
    given text;
    found record;
begin
    perform edf.require('scenarios', scenarios is not null);
    known := array(select c.name from edf.columns_of(scenarios) as c);
    foreach given in array array['scenario', 'series', 'valid_at', 'value', 'actual'] loop
        perform edf.require_column('scenarios', given, known);
    end loop;
    for found in execute format(
        $query$
        with edf_rows as (
            select %2$s as issued_at, q.scenario::integer as scenario, q.series::text as series, q.valid_at::timestamptz as valid_at,
                q.value::double precision as value, q.actual::double precision as actual
            from (
            %1$s
            ) as q
            where q.actual is not null
        )
        select issued_at, array_agg(value order by scenario, series, valid_at) as paths,
            array_agg(actual order by series, valid_at) filter (where scenario = first) as actual,
            count(distinct scenario) as scenarios, count(*) filter (where scenario = first) as steps
        from (select *, min(scenario) over (partition by issued_at) as first from edf_rows) as numbered
        group by issued_at
        order by issued_at
        $query$, rtrim(scenarios, e' \t\r\n;'), case when 'issued_at' = any (known) then 'q.issued_at::timestamptz' else 'null::timestamptz' end)
    loop
        if cardinality(found.paths) <> found.scenarios * found.steps then
            raise exception 'not all scenarios have the same steps%', coalesce(' at ' || found.issued_at, '')
                using errcode = 'data_exception', hint = 'Each scenario has one row for each series and valid_at.';
        end if;
        issued_at := found.issued_at;
        energy_score := edf.energy_score(found.actual, found.paths);
        variogram_score := edf.variogram_score(found.actual, found.paths);
        scenarios_n := found.scenarios;
        steps_n := found.steps;
        return next;
    end loop;
end;
$$;
comment on function edf.score_scenarios is
$$Scores scenarios: one row per issued_at if the query has that column, else one row.

scenarios: a query with the columns scenario, series, valid_at, value and actual; steps whose actual is NULL are left
out. energy_score (Gneiting and Raftery, 2007) and variogram_score (of order 0.5, mean over the pairs of steps;
Scheuerer and Hamill, 2015) are in the unit of the target, and lower is better. Both are proper; the variogram score
is more sensitive to wrong correlations between steps and series.
Limits: 10 billion differences, such as 100 scenarios of 1,000 steps. Errors: 22023 a missing column; 22000 scenarios
of different steps; 22023 too many.$$;
revoke all on function edf.score_scenarios from public;
