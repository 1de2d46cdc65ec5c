-- 100 scenarios of 72 hours, every other day over the last 60 days, from residuals of earlier issues.
create table groups as
select '4 homes' as portfolio, home from homes where home in ('home-1', 'home-2', 'home-3', 'home-4') group by home
union all
select '15 homes', home from homes group by home;

create table drawn as
select portfolio, issued_at, s.scenario, s.series, s.valid_at, s.lead_hours, s.value, s.origins
from (select distinct portfolio from groups) as portfolios
cross join (
    select issued_at, row_number() over (order by issued_at desc) as newest from made
    group by issued_at having max(lead_hours) = 72 and count(actual) = count(*)
) as issues
cross join lateral edf.scenarios(
    format('select home as series, valid_at, lead_hours, quantile_values, quantiles from made join groups using (home)
            where portfolio = %L and issued_at = %L', portfolio, issued_at),
    'select home as series, issued_at, lead_hours, actual, yhat from made', 100, newest) as s
where newest <= 60 and newest % 2 = 0;

-- The same values of each step reordered: at random, and by size.
create table methods as
select portfolio, issued_at, series, valid_at, lead_hours, value, scenario as "edf.scenarios",
    row_number() over (step order by md5(scenario::text || series || valid_at::text)) as independent,
    row_number() over (step order by value) as "perfect rank dependence"
from drawn
window step as (partition by portfolio, issued_at, series, valid_at);
analyze methods;
