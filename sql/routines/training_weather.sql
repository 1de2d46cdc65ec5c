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
cross join lateral jsonb_array_elements(models.metrics -> 'regressor_forecast_shares') with ordinality as shares (share,
    lead_day);
comment on view energy.training_weather is
$$Weather used for training a model, by day of lead: forecasts as known that long before the hour or, if none that old
was stored, observations. Forecasts in service always use forecast weather, so a model trained on observations trusts it
too much. Models of archetypes are trained on observations only, and have no row.$$;
comment on column energy.training_weather.hours is 'Training hours with known demand.';
comment on column energy.training_weather.forecast_share is 'Share of the hours with forecast weather.';
comment on column energy.training_weather.observation_share is 'Share of the hours with observed weather.';
