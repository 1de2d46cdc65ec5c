-- Comments of the tables in docs/reference.md: grain, unit and who writes them.
set local role edf_owner;

comment on table raw.buildings is 'Buildings with location, time zone and properties. One row per building.';
comment on table raw.apartments is
    'Apartments whose meters add up to the demand of a building, and from when until when. One row per apartment.';
comment on table raw.sensors is
    'Sensors and meters, added at their first reading. One row per building, apartment, type and room.';
comment on table raw.meter_readings is
$$Readings as received, in the unit of their sensor type (section meters of the configuration). A correction is a new
row; the newest received_at counts.$$;
comment on table raw.ingestions is
    'One row per batch of meter messages: counts of messages, new readings and rejected messages.';
comment on table raw.meter_inbox is
$$Destination of COPY: one row per line of JSON, deleted by energy.ingest_meter_inbox(). With client_encoding LATIN1 any
bytes can be copied.$$;
comment on table raw.rejected_messages is
$$Rejected messages and weather documents with the reason, for energy.replay_rejected(). Of a message beyond 1 MiB only
the beginning is stored.$$;
comment on table raw.withdrawals is
    'Withdrawals of wrong readings: sensors, range, reason, time and user. See energy.withdraw_readings.';
comment on table raw.withdrawn_readings is
$$Rows of raw.meter_readings that are withdrawn. While a row is here, a message with the same value for the same time is
rejected.$$;
comment on table raw.weather_locations is
    'Locations for which weather is fetched: latitude and longitude in degrees.';
comment on table raw.weather_forecasts is
$$Weather forecasts: temperature in degrees Celsius, cloud cover in percent, irradiance in W/m2. One row per location,
run (issued_at) and hour (valid_at).$$;
comment on table raw.weather_observations is
$$Observed weather: temperature in degrees Celsius, cloud cover in percent, irradiance in W/m2. One row per location and
hour.$$;
comment on table raw.weather_fetches is
    'Requests to the weather service with their result: one row per location, purpose and fetch. Retained for 90 days.';
comment on table raw.regressors is
$$Hourly values that models may use beside weather and calendar, with the time they were received; training.regressors
of the configuration selects them. A newer row for the same hour is a newer version.$$;
comment on table raw.holidays is
$$Public holidays by region and local date, in addition to those of the seed; its name takes precedence on the same
day.$$;
comment on table raw.school_holidays is
    'School holidays by region, as ranges of local dates, in addition to those of the seed; ranges may overlap.';
comment on table raw.calendar_events is
$$Days with unusual demand that are known in advance, of a region or a building. Models are fitted on past events and
use those ahead: enter an event before it happens.$$;
comment on table raw.tariffs is 'Tariffs: prices per kWh from the grid and fed in, in the currency of the tariff.';
comment on table raw.tariff_prices is
$$Hourly prices per kWh of tariffs of kind hourly, in the currency of the tariff. A newer row for the same hour is a
correction.$$;
comment on table raw.building_tariffs is 'The tariff of a building, and from when on it applies.';
comment on table raw.carbon_intensity is
$$CO2 intensity of the grid, measured or forecast, in grams of CO2 equivalent per kWh, by region and hour. A newer row
for the same hour is a correction.$$;

comment on table energy.apartment_hours is
$$Energy in kWh of an apartment, with its quality. One row per apartment and hour, materialised from
processed.int_apartment_hours.$$;
comment on table energy.building_hours is
$$Demand and solar generation of a building in kWh, with their quality. One row per building and hour, materialised from
processed.int_building_hours.$$;
comment on table energy.apartment_days is
$$Energy, temperatures and coverage of an apartment's day. One row per apartment and local day, materialised from
processed.int_apartment_days.$$;
comment on table energy.measure_hours is
$$Hours of measures that energy.apartment_hours has no column for, in the unit of energy.measures. One row per
apartment, room, measure and hour, materialised from processed.int_measure_hours.$$;
comment on table energy.gap_profiles is
$$Weights by local hour of the day for distributing the energy of a long gap, written by energy.learn_gap_profiles().
The newest row applies, to gaps of any time.$$;
comment on table energy.weather_days is
$$Mean weather by location and UTC day, observed or else from the last forecast, for energy.weather_likeness. Written by
energy.learn_weather_days.$$;

comment on table energy.training_runs is
    'Queue and history of trainings: one row per requested training, with its state, step and error.';
comment on table energy.training_steps is
    'Finished steps of trainings, with their results: one row per training, attempt and step.';
comment on table energy.trainings is
$$How the pipeline trained a model: recipe, configuration and time. One row per model of energy.train_model,
energy.train_archetype and energy.fit_anomaly_model.$$;
comment on table energy.model_scores is
$$Scores of a model's recipe, of seasonal naive and of the champion's recipe in the same rolling-origin backtest, by day
of lead; errors in kWh per hour. For a model of an archetype, the errors on newcomers.$$;
comment on table energy.stress_tests is
    'Results of energy.stress_test: one row per model, test, scenario and rule. The newest test of a model counts.';
comment on table energy.challenges is
    'Pending models that forecast in shadow beside the approved model of their subject, and the result.';
comment on table energy.superseded_forecasts is
$$Forecasts replaced by a later revision of the same slot, in kWh per hour: visible to readers until superseded_at.$$;
comment on table energy.refreshed_forecasts is
$$Corrections of energy.forecasts for the coming hours, in kWh per hour, by the newest actuals and weather. One row per
building, hour and refresh, written by energy.refresh_forecasts; the newest row of an hour applies if it is newer than
the issue.$$;
comment on table energy.shadow_forecasts is
$$Forecasts of challengers in kWh per hour with 90 % intervals, from the data known at issued_at; they are not served.
One row per model, building, issue and hour.$$;
comment on table energy.solar_forecasts is
$$Forecasts of solar generation in kWh per hour with 90 % intervals. One row per building, issue and hour; a revision
replaces the previous one.$$;
comment on table energy.accuracy_days is
$$Accuracy of issued forecasts by building, local day and day of lead, for hours with known demand; errors in kWh per
hour. Written by energy.score_forecasts.$$;

comment on table energy.building_stages is
$$Current stage of each building in its life cycle, written by energy.review_life_cycle(). A building without a row has
not been reviewed yet.$$;
comment on table energy.life_cycle_events is
    'Changes of the stage or archetype of buildings, with reason, figures and user. Append-only.';
comment on table energy.archetype_rules is
$$Rules that assign an archetype to a building: the first one, by priority, whose conditions all hold. NULL matches any
value, also an unknown one. Without a matching rule the archetype is building.$$;
comment on table energy.design_profiles is
$$Demand profiles of archetypes in kWh per hour and unit of size, for buildings without history. Written by
energy.learn_design_profile.$$;

comment on table energy.jobs is
    'Jobs of the pipeline: one row per job, written by energy.define_jobs() from the code and the configuration.';
comment on table energy.job_runs is
    'Runs of jobs, from their start on: one row per run, and one for each building or archetype that failed in it.';
comment on table energy.alert_rules is 'Rules of energy.check_alerts: severity, meaning and recommended action.';
comment on table energy.alerts is
    'Problems found by energy.check_alerts: one row per rule and subject, from opening to resolution.';
comment on table energy.alert_deliveries is
$$Deliveries of alerts: one row per alert, receiver and status. energy.check_alerts writes them, edf-alerts delivers
them. Times are the server's clock.$$;
comment on table energy.dropped_rows is
    'Time up to which rows of a large table may have been dropped. It never decreases.';
comment on table energy.deployments is
$$Deployed versions of the code: one row for each deployment that changed the extension, a routine or a view. It applies
to rows written from then on.$$;
comment on table energy.configs is 'Versions of config/edf.yaml; the newest row is current. Rows are never changed.';

comment on table energy.building_access is
    'Access to buildings over HTTP: one row per subject (claim sub of a token) and building.';
comment on table energy.api_keys is
$$API keys, which are exchanged for short-lived tokens. Times are the server's clock. Only hashes are stored: a key is
shown once, when it is created.$$;
comment on table energy.token_keys is
$$Keys for verifying tokens, each valid until it is removed; PostgREST receives them from api.configure. Contains
secrets, so only its owner may read it.$$;
comment on table energy.api_errors is
$$Failed HTTP requests by minute of the server's clock. edf-api-log writes it from the log of PostgREST, since a failed
transaction is rolled back.$$;
comment on table energy.api_reads is
$$Audit log of HTTP reads by minute of the server's clock. edf-api-log writes it from the log of nginx, since reading
transactions write nothing. Retention: storage.logs.$$;

comment on table energy.anomaly_scores is
$$Anomaly score of a day, from 0 to 1. One row per apartment or building, local day and detector; no row if the detector
has too little data for the day.$$;
comment on table energy.anomaly_days is
    'When the days of a building were last scored, and the newest data used. One row per building and local day.';
comment on table energy.anomaly_days_due is
$$Days to be scored again because their data changed. Written by energy.refresh_apartment_days(), deleted by
energy.score_anomalies() once the day is over.$$;
comment on table energy.anomaly_findings is
$$Days of apartments with a combined score high enough to be listed, with or without an alert. Written by
energy.raise_anomaly_alerts.$$;
comment on table energy.anomaly_alerts is
$$Alerts about apartments: one row per run of anomalous days of an apartment, or of a building as a whole. Written by
energy.raise_anomaly_alerts and by decisions of technicians.$$;
comment on table energy.anomaly_alert_events is
    'History of alerts about apartments: changes of scores and all decisions, also contradictory ones. Append-only.';
comment on table energy.anomaly_thresholds is
$$Thresholds of the combined score for raising an alert, computed by energy.anomaly_threshold: one row per change.$$;
comment on table energy.anomaly_weights is
$$Weights of the logistic regression that combines detectors into a probability, fitted on resolved alerts of an
archetype. The newest weights of an archetype apply; without any, the precisions of the configuration.$$;
comment on table energy.anomaly_rules is
$$Rules that score days: a function in schema energy and a row. docs/anomalies.md describes how to add one.$$;
comment on table energy.apartment_features is
$$Features of the completed days of apartments, for anomaly detection; processed.int_apartment_features describes the
columns. One row per building, local date and apartment, written by energy.keep_features().$$;

reset role;
