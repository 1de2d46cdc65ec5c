create or replace view energy.training_weather as
select
    trainings.model_id,
    trainings.building_id,
    lead_day::integer as lead_day,
    models.training_rows as hours,
    share::double precision as forecast_share,
    1 - share::double precision as observation_share
from energy.trainings
join edf.models using (model_id)
cross join lateral jsonb_array_elements(models.metrics -> 'regressor_forecast_shares') with ordinality as shares (share, lead_day);
comment on view energy.training_weather is
$$Which weather a model learnt from, by day of lead: forecasts as they were known that long before the hour, or, where none was stored that was old
enough, observations. A forecast always reads forecasts, so that a model of observations trusts them too much.
A model of an archetype learns from observations alone, and has no row.$$;
comment on column energy.training_weather.hours is 'Hours learnt from whose demand was known.';
comment on column energy.training_weather.forecast_share is 'Share of the hours whose weather was read as forecast.';
comment on column energy.training_weather.observation_share is 'Share of the hours whose weather was read as observed.';
