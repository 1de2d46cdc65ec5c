create or replace view api.forecasts with (security_barrier = true) as
select distinct on (forecasts.building_id, forecasts.valid_at)
    forecasts.building_id,
    forecasts.valid_at,
    forecasts.issued_at,
    forecasts.yhat as demand_kwh,
    forecasts.yhat_lower as demand_lower_kwh,
    forecasts.yhat_upper as demand_upper_kwh,
    forecasts.confidence,
    forecasts.source,
    forecasts.quality,
    forecasts.quality_reasons,
    coalesce(forecasts.revision, 0) as revision
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
comment on column api.forecasts.source is
    'model: the building''s own. archetype: that of buildings like it. design: a plan from how they use their hours. profile: its usual hours. last_week: the hours a week before. recent_mean: a mean. NULL: not known.';
comment on column api.forecasts.quality is 'From 1, as good as it gets, down to 0; NULL: not known.';
comment on column api.forecasts.quality_reasons is
    'What lowers quality: weather_missing, weather_short, weather_stale, meter_flat, recent_gap, no_model, no_archetype, model_damaged, model_format, model_failed.';
comment on column api.forecasts.revision is '0: the first forecast of its issued_at; a later one replaced it with newer data.';
grant select on api.forecasts to supplier, resident;
