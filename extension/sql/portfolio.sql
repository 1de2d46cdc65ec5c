create function edf.portfolio(
    forecasts text,
    residuals text,
    levels    double precision[] default '{0.05,0.1,0.25,0.5,0.75,0.9,0.95}'
) returns table (
    issued_at  timestamptz,
    valid_at   timestamptz,
    lead_hours double precision,
    yhat       double precision,
    yhat_lower double precision,
    yhat_upper double precision,
    quantile_values double precision[],
    quantiles double precision[],
    origins   bigint
)
language plpgsql stable
as $$
declare
    known text[];
    given text;
    found record;
begin
    perform edf.require('forecasts', forecasts is not null), edf.require('residuals', residuals is not null),
            edf.require('levels', levels is not null and array_position(levels, null) is null);
    known := array(select c.name from edf.columns_of(forecasts) as c);
    foreach given in array array['series', 'valid_at', 'lead_hours', 'yhat'] loop
        perform edf.require_column('forecasts', given, known);
    end loop;
    known := array(select c.name from edf.columns_of(residuals) as c);
    foreach given in array array['series', 'issued_at', 'lead_hours', 'actual', 'yhat'] loop
        perform edf.require_column('residuals', given, known);
    end loop;
    -- Each query runs once; the core reads sums, so that memory does not grow with the number of series. CTEs have the
    -- prefix edf_, so that they do not hide tables of the queries.
    execute format(
        $query$
        with edf_forecasts as materialized (
            select series::text as series, valid_at::timestamptz as valid_at, lead_hours::double precision as lead_hours, yhat::double precision as yhat
            from (
            %1$s
            ) as q
        ),
        edf_members as (select series, count(*) as n from edf_forecasts group by series),
        edf_totals as (
            select valid_at, lead_hours, sum(yhat order by series) as yhat, count(*) as n, count(distinct series) as n_series, count(yhat) as n_known
            from edf_forecasts group by valid_at, lead_hours
        ),
        edf_residuals as materialized (
            select r.series::text as series, r.issued_at::timestamptz as issued_at, r.lead_hours::double precision as lead_hours,
                r.actual::double precision - r.yhat::double precision as error
            from (
            %2$s
            ) as r
            where r.series::text in (select series from edf_members)
        ),
        edf_joint as (
            select issued_at, lead_hours, sum(error order by series) as error, count(*) as n, count(distinct series) as n_series, count(error) as n_known
            from edf_residuals group by issued_at, lead_hours
        )
        select
            (select count(*) from edf_members) as members,
            (select min(valid_at) from edf_totals where n_series < (select count(*) from edf_members) or n_known < n) as incomplete_at,
            (select min(valid_at) from edf_totals where n > n_series) as forecast_twice_at,
            (select min(issued_at) from edf_joint where n > n_series) as residual_twice_at,
            (select min(series) from edf_members where series not in (select series from edf_residuals where error is not null)) as unknown,
            (select array_agg(valid_at order by valid_at, lead_hours) from edf_totals) as valid_at,
            (select array_agg(lead_hours order by valid_at, lead_hours) from edf_totals) as lead_hours,
            (select array_agg(yhat order by valid_at, lead_hours) from edf_totals) as yhat,
            (select array_agg(issued_at order by issued_at, lead_hours) from edf_joint where n_known = (select count(*) from edf_members)) as r_issued_at,
            (select array_agg(lead_hours order by issued_at, lead_hours) from edf_joint where n_known = (select count(*) from edf_members)) as r_lead_hours,
            (select array_agg(error order by issued_at, lead_hours) from edf_joint where n_known = (select count(*) from edf_members)) as r_error
        $query$, rtrim(forecasts, e' \t\r\n;'), rtrim(residuals, e' \t\r\n;'))
    into found;
    if found.members = 0 then
        raise exception 'the query of forecasts returns no row' using errcode = 'data_exception', hint = 'Check its conditions.';
    elsif found.forecast_twice_at is not null or found.residual_twice_at is not null then
        raise exception 'a series is listed twice for one step and lead: %',
            coalesce('forecasts at ' || found.forecast_twice_at, 'residuals issued at ' || found.residual_twice_at)
            using errcode = 'invalid_parameter_value', hint = 'Choose one forecast of each series, such as that of one backtest and candidate.';
    elsif found.incomplete_at is not null then
        raise exception 'at % not all of the % series have a forecast', found.incomplete_at, found.members
            using errcode = 'data_exception', hint = 'Forecast all series for the same steps, at the same time.';
    elsif found.unknown is not null then
        raise exception 'no residual of series "%" is known', found.unknown
            using errcode = 'data_exception', hint = 'Give residuals of every series: actual and yhat, by series, issued_at and lead_hours.';
    end if;
    return query
    select p.issued_at, p.valid_at, p.lead_hours, p.yhat, p.yhat_lower, p.yhat_upper, p.quantile_values, levels, p.origins
    from edf.portfolio_quantiles(
        found.valid_at, found.lead_hours, found.yhat, coalesce(found.r_issued_at, '{}'), coalesce(found.r_lead_hours, '{}'),
        coalesce(found.r_error, '{}'), levels) as p;
end;
$$;
comment on function edf.portfolio is
$$Forecasts the sum of several series with quantiles, from their joint residuals: one row per step. Adding the
quantiles of the series would assume that their errors are perfectly correlated, adding variances that they are
independent.

forecasts: a query with the columns series, valid_at, lead_hours and yhat, such as edf.forecast of each building.
residuals: a query with series, issued_at, lead_hours, actual and yhat, such as edf.kept_forecasts. Residuals of all
series at the same origin and lead are added; those that lack a series, or were not known when the forecast was
issued, are left out. origins: how many origins were used.
Quantiles are conformal, by day of lead, with a profile over the day, and newer residuals have more weight, as in
edf.forecast.
Limits: 200 levels. Memory: 200 bytes for each joint residual and forecast, however many series are added.
Errors: 22023 a missing column, a series twice; 22000 no row, a step without a series, no joint residual, NaN or
infinite values; and those of the queries.$$;
revoke all on function edf.portfolio from public;

create function edf.require_column(query text, name text, known text[]) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform edf.require('query', query is not null), edf.require('name', name is not null),
            edf.require('known', known is not null);
    if not name = any (known) then
        raise exception 'the query of % has no column %', query, name
            using errcode = 'invalid_parameter_value', hint = format('Its columns are %s; name them with AS.', array_to_string(known, ', '));
    end if;
end;
$$;
comment on function edf.require_column is 'Raises 22023 if a query does not have a column.';
