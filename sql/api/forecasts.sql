create or replace view api.forecasts with (security_barrier = true) as
select distinct on (forecasts.building_id, forecasts.valid_at)
    forecasts.building_id,
    forecasts.valid_at,
    forecasts.issued_at,
    forecasts.yhat as demand_kwh,
    forecasts.yhat_lower as demand_lower_kwh,
    forecasts.yhat_upper as demand_upper_kwh,
    forecasts.confidence
from energy.forecasts
join energy.building_access as access
    on access.building_id = forecasts.building_id
    -- A reset setting reads as '', not null, and '' is not json; a subquery, so that it is read once.
    and access.subject = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
order by forecasts.building_id, forecasts.valid_at, forecasts.issued_at desc;
comment on view api.forecasts is $$Latest hourly demand forecast

One row per building and hour; `issued_at` says how fresh it is.$$;
comment on column api.forecasts.valid_at is 'Start of the hour.';
comment on column api.forecasts.demand_kwh is 'Expected demand, in kWh per hour.';
comment on column api.forecasts.demand_lower_kwh is 'Lower bound of the 90 % interval, in kWh per hour.';
comment on column api.forecasts.demand_upper_kwh is 'Upper bound of the 90 % interval, in kWh per hour.';
comment on column api.forecasts.confidence is
    'How like the hour is to what the model has learnt, from 1 down to 0: missing or unusual weather and late demand lower it. NULL: not known.';
grant select on api.forecasts to supplier, resident;
