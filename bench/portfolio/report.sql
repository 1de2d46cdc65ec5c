create temporary table made_of as
select subject as portfolio, issued_at, valid_at, sum(actual) as actual, sum(yhat) as yhat,
    sum(yhat - yhat_lower) as below, sum(yhat_upper - yhat) as above,
    sqrt(sum((yhat - yhat_lower) ^ 2)) as root_below, sqrt(sum((yhat_upper - yhat) ^ 2)) as root_above
from made join energy.building_access on building_id = home
group by 1, 2, 3;

create temporary table joint as
select subject as portfolio, sums.*
from (select distinct subject from energy.building_access) as portfolios
cross join lateral edf.portfolio(
    format($$select home as series, valid_at, lead_hours, yhat from made
        join energy.building_access on building_id = home
             where subject = %L and issued_at >= (select min(issued_at) + interval '40 days' from made)$$, subject),
    'select home as series, issued_at, lead_hours, actual, yhat from made') as sums;

analyze served, made_of, joint;

-- Interval score: width plus 20 times the distance of values outside (Gneiting and Raftery, JASA 2007).
with

bounds as (
    select portfolio, served.lead_hours, actual, methods.*
    from served
    join made_of using (portfolio, issued_at, valid_at)
    join joint using (portfolio, issued_at, valid_at)
    cross join lateral (values
        (1, 'as served', demand_lower_kwh, demand_upper_kwh),
        (2, 'edf.portfolio', joint.yhat_lower, joint.yhat_upper),
        (3, 'as if unrelated', made_of.yhat - root_below, made_of.yhat + root_above),
        (4, 'sum of bounds', made_of.yhat - below, made_of.yhat + above)
    ) as methods (place, method, lower, upper)
    where interval_method = 'joint_errors' and actual is not null
)

select portfolio, method, ceil(lead_hours / 24.0) as lead_day, count(*) as hours,
    round(100 * avg((actual between lower and upper)::int), 1) as coverage_pct,
    round(avg(upper - lower)::numeric, 2) as width_kwh,
    round(avg(upper - lower + 20 * greatest(lower - actual, actual - upper, 0))::numeric, 2) as interval_score
from bounds
group by portfolio, place, method, lead_day
order by portfolio, lead_day, place;
