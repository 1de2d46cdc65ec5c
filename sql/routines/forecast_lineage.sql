create or replace view energy.forecast_lineage as
select
    forecasts.building_id,
    forecasts.issued_at,
    forecasts.valid_at,
    forecasts.created_at,
    forecasts.archetype,
    forecasts.model_id,
    models.subject,
    models.strategy,
    models.checksum as model_checksum,
    models.status as model_status,
    models.artifact = '' as model_is_emptied,
    models.training_start,
    models.training_end,
    models.training_rows,
    models.created_at as trained_at,
    trained.happened_by as trained_by,
    trained_with.edf_version as trained_with_edf,
    trained_with.checksum as trained_with_code,
    trainings.config_id as training_config_id,
    trainings.known_at as training_known_at,
    approved.happened_at as approved_at,
    approved.happened_by as approved_by,
    approved.reason as approved_because,
    forecasts.config_id,
    configs.checksum as config_checksum,
    made_with.edf_version as made_with_edf,
    made_with.checksum as made_with_code,
    buildings.weather_location_id,
    forecasts.weather_issued_at
from energy.forecasts
left join raw.buildings using (building_id)
left join edf.models using (model_id)
left join energy.trainings using (model_id)
left join energy.configs on configs.config_id = forecasts.config_id
left join lateral (
    select happened_by from edf.model_events as events
    where events.model_id = forecasts.model_id and event = 'trained' order by event_id limit 1
) as trained on true
left join lateral (
    select happened_at, happened_by, reason from edf.model_events as events
    where events.model_id = forecasts.model_id and event in ('approved', 'restored')
      and happened_at <= forecasts.created_at
    order by event_id desc limit 1
) as approved on true
left join lateral (
    select edf_version, checksum from energy.deployments
    where deployed_at <= models.created_at order by deployed_at desc limit 1
) as trained_with on true
left join lateral (
    select edf_version, checksum from energy.deployments
    where deployed_at <= forecasts.created_at order by deployed_at desc limit 1
) as made_with on true;
comment on view energy.forecast_lineage is
$$Lineage of each row of energy.forecasts: model with its training window and decision, configurations, code versions,
and weather run. Filter by building and issue: it has as many rows as energy.forecasts. NULL: no longer known, or from
before it was recorded.$$;
comment on column energy.forecast_lineage.approved_at is
    'The approval or rollback that was in force when the model made the forecast.';
comment on column energy.forecast_lineage.trained_with_code is
    'energy.deployments.checksum of the code deployed when the model was trained.';
comment on column energy.forecast_lineage.made_with_code is 'The same for when the forecast was made.';
comment on column energy.forecast_lineage.config_id is
    'Configuration in force when the forecast was made; training_config_id: when its model was trained.';
