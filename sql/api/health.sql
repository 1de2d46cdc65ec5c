create or replace view api.health with (security_barrier = true) as
select * from energy.overview();
comment on view api.health is $$Overall status in one row

`words` summarizes it in one sentence. A building either has a fresh forecast or is late; it may also be on a fallback
source.$$;
comment on column api.health.status is 'ok, degraded, failing, or starting while there are no forecasts.';
comment on column api.health.as_of is 'Current time of the pipeline.';
comment on column api.health.buildings_late is 'Buildings without a forecast younger than monitoring.forecasts_late.';
comment on column api.health.buildings_falling_back is 'Buildings forecast by neither a model nor a design forecast.';
comment on column api.health.yesterday_wape_pct is
    'WAPE of yesterday''s forecasts, first day of lead, over all buildings; null: none is scored yet.';
comment on column api.health.critical_alerts is 'Open alerts of severity critical.';
grant select on api.health to operator;
