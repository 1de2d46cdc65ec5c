with

named as (
    select portfolio, portfolios.place as portfolio_place, method, names.place
    from (select distinct portfolio, place from groups) as portfolios
    cross join (values ('edf.scenarios', 1), ('independent', 2), ('perfect rank dependence', 3)) as names (method,
        place)
),

scored as (
    select portfolio, portfolio_place, method, place, avg(energy_score) as energy_score,
        avg(variogram_score) as variogram_score, count(*) as issues
    from named
    cross join lateral edf.score_scenarios(format(
        'select issued_at, m.%I as scenario, series, valid_at, m.value, actual
         from methods as m join issued using (series, issued_at, valid_at)
         where portfolio = %L', method, portfolio))
    group by 1, 2, 3, 4
),

-- Demand of all homes over a day, minus the generation of their roofs.
days as (
    select portfolio, method, issued_at, ceil(lead_hours / 24) as lead_day,
        case method when 'edf.scenarios' then "edf.scenarios" when 'independent' then independent
            else "perfect rank dependence" end as scenario,
        sum(sign * value) as kwh
    from methods join groups using (portfolio, series) cross join (select distinct method from named) as names
    group by 1, 2, 3, 4, 5
),

bounds as (
    select portfolio, method, issued_at, lead_day, percentile_cont(0.05) within group (order by kwh) as lower,
        percentile_cont(0.95) within group (order by kwh) as upper
    from days group by 1, 2, 3, 4
),

actual as (
    select portfolio, issued_at, ceil(lead_hours / 24) as lead_day, sum(sign * actual) as kwh
    from issued join groups using (series) group by 1, 2, 3
),

covered as (
    select portfolio, method, avg((kwh between lower and upper)::int) as share
    from bounds join actual using (portfolio, issued_at, lead_day) group by 1, 2
)

select portfolio, method, issues, round(energy_score::numeric, 2) as energy_score,
    round(variogram_score::numeric, 4) as variogram_score,
    round(100 * share, 1) as sums_of_days_in_90_pct
from scored join covered using (portfolio, method)
order by portfolio_place, place;
