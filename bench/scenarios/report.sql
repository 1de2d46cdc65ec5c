with

named as (
    select portfolio, method, place
    from (select distinct portfolio from methods) as portfolios
    cross join (values ('edf.scenarios', 1), ('independent', 2), ('perfect rank dependence', 3)) as names (method,
        place)
),

scored as (
    select portfolio, method, place, avg(energy_score) as energy_score, avg(variogram_score) as variogram_score,
        count(*) as issues
    from named
    cross join lateral edf.score_scenarios(format(
        'select m.issued_at, m.%I as scenario, m.series, m.valid_at, m.value, made.actual
         from methods as m join made on (made.home, made.issued_at, made.valid_at) = (m.series, m.issued_at, m.valid_at)
         where portfolio = %L', method, portfolio))
    group by 1, 2, 3
),

-- Demand of all homes over a day.
days as (
    select portfolio, method, issued_at, ceil(lead_hours / 24) as lead_day,
        case method when 'edf.scenarios' then "edf.scenarios" when 'independent' then independent
            else "perfect rank dependence" end as scenario,
        sum(value) as kwh
    from methods cross join (select distinct method from named) as names
    group by 1, 2, 3, 4, 5
),

bounds as (
    select portfolio, method, issued_at, lead_day, percentile_cont(0.05) within group (order by kwh) as lower,
        percentile_cont(0.95) within group (order by kwh) as upper
    from days group by 1, 2, 3, 4
),

actual as (
    select portfolio, issued_at, ceil(lead_hours / 24) as lead_day, sum(actual) as kwh
    from made join groups using (home) group by 1, 2, 3
),

covered as (
    select portfolio, method, avg((kwh between lower and upper)::int) as share
    from bounds join actual using (portfolio, issued_at, lead_day) group by 1, 2
)

select portfolio, method, issues, round(energy_score::numeric, 2) as energy_score,
    round(variogram_score::numeric, 4) as variogram_score,
    round(100 * share, 1) as sums_of_days_in_90_pct
from scored join covered using (portfolio, method)
order by portfolio, place;
