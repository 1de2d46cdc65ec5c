-- 100 scenarios of 72 hours, every other day over the last 60 days, from residuals of earlier issues. The sum of homes
-- with roofs is demand minus generation.
create table groups as
select '4 homes' as portfolio, 1 as place, home as series, 1 as sign
from homes where home in ('home-1', 'home-2', 'home-3', 'home-4') group by home
union all
select '15 homes', 2, home, 1 from homes group by home
union all
select '4 roofs', 3, roof, 1 from roofs
union all
select '4 homes with roofs', 4, series, sign
from roofs cross join lateral (values (home, 1), (roof, -1)) as both_of (series, sign);

create table drawn as
select portfolio, issued_at, s.scenario, s.series, s.valid_at, s.lead_hours, s.value, s.origins
from (select distinct portfolio from groups) as portfolios
cross join (
    select issued_at, row_number() over (order by issued_at desc) as newest from issued
    group by issued_at having max(lead_hours) = 72 and count(actual) = count(*)
) as issues
cross join lateral edf.scenarios(
    format('select series, valid_at, lead_hours, quantile_values, quantiles from issued join groups using (series)
            where portfolio = %L and issued_at = %L', portfolio, issued_at),
    'select series, issued_at, lead_hours, actual, yhat from issued', 100, newest) as s
where newest <= 60 and newest % 2 = 0;

-- The same values of each step reordered: at random, and by size.
create table methods as
select portfolio, issued_at, series, valid_at, lead_hours, value, scenario as "edf.scenarios",
    row_number() over (step order by md5(scenario::text || series || valid_at::text)) as independent,
    row_number() over (step order by value) as "perfect rank dependence"
from drawn
window step as (partition by portfolio, issued_at, series, valid_at);
analyze methods;
