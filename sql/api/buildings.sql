create or replace view api.buildings with (security_barrier = true) as
select
    building_id,
    name,
    time_zone,
    heard_at,
    measured_until,
    issued_at,
    forecast_until,
    source,
    is_late,
    is_falling_back,
    100 * yesterday_error_kwh / nullif(yesterday_kwh, 0) as yesterday_wape_pct
from energy.states_of(array(select lookup_id from energy.request_buildings))
order by building_id;
comment on view api.buildings is $$Buildings and how current their measurements and forecasts are

One row per building, ordered by building_id. An operator sees all of them.

Example: `GET /buildings?is_late=is.true&select=building_id,forecast_until`$$;
comment on column api.buildings.building_id is 'The building. Example: all-homes';
comment on column api.buildings.name is 'Its name. Example: All 15 homes';
comment on column api.buildings.time_zone is 'Its time zone, as in the IANA database. Example: America/Los_Angeles';
comment on column api.buildings.heard_at is
    'When its meters last reported; NULL: never. Example: 2017-07-29T05:00:00+00:00';
comment on column api.buildings.measured_until is
    'End of the newest hour with known demand; NULL: there is none. Example: 2017-07-29T05:00:00+00:00';
comment on column api.buildings.issued_at is
    'When its newest forecast of future hours was made; NULL: there is none. Example: 2017-07-29T05:00:00+00:00';
comment on column api.buildings.forecast_until is
    'End of the last hour of that forecast. Example: 2017-08-01T05:00:00+00:00';
comment on column api.buildings.source is 'Source of the forecast of its next hour, as in /forecasts. Example: model';
comment on column api.buildings.is_late is
    'It has no forecast younger than monitoring.forecasts_late. Example: false';
comment on column api.buildings.is_falling_back is
    'Its source is profile, last_week or recent_mean, or design although it is past stage design. Example: false';
comment on column api.buildings.yesterday_wape_pct is
$$WAPE of the forecasts of its last local day, first day of lead, in percent; NULL: not scored yet.
Example: 14.1$$;
grant select on api.buildings to operator, resident, technician;
