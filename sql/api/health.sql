create or replace view api.health with (security_barrier = true) as
select * from energy.overview();
comment on view api.health is $$How the whole is, in one row

`words` says it in a sentence. Of the buildings each has a fresh forecast or is late; it may also be falling back.$$;
comment on column api.health.status is 'ok, degraded, failing, or starting while nothing is forecast.';
comment on column api.health.as_of is 'The time of the pipeline.';
comment on column api.health.buildings_late is 'Without a forecast younger than monitoring.forecasts_late.';
comment on column api.health.buildings_falling_back is 'Forecast by neither a model nor a plan.';
comment on column api.health.yesterday_wape_pct is
    'WAPE of the forecasts of yesterday, first day of lead, over all buildings; null: none is scored yet.';
comment on column api.health.critical_alerts is 'Alerts that are open, of this severity.';
grant select on api.health to operator;
