-- Section anomaly_alerts of the configuration. Routines read these views once, since each reads the configuration.
create or replace view energy.anomaly_alert_settings as
select
    coalesce((alerts ->> 'budget')::double precision, 2) as budget,
    coalesce((alerts ->> 'budget_weeks')::integer, 8) as budget_weeks,
    coalesce((alerts ->> 'min_threshold')::double precision, 0.3) as min_threshold,
    coalesce((alerts ->> 'list_above')::double precision, 0.05) as list_above,
    coalesce((alerts ->> 'keep_share')::double precision, 0.8) as keep_share,
    coalesce((alerts ->> 'quiet_days')::integer, 5) as quiet_days,
    coalesce((alerts ->> 'unknown_days')::integer, 30) as unknown_days,
    coalesce((alerts ->> 'late_days')::integer, 14) as late_days,
    coalesce((alerts ->> 'building_share')::double precision, 0.5) as building_share,
    coalesce((alerts ->> 'building_min_apartments')::integer, 4) as building_min_apartments,
    coalesce((alerts ->> 'settle_days')::integer, 60) as settle_days,
    coalesce(alerts -> 'settle_except', '["impossible_value"]') as settle_except,
    coalesce((alerts ->> 'min_labels')::integer, 24) as min_labels,
    coalesce((alerts ->> 'precision_at')::integer, 50) as precision_at,
    coalesce((alerts ->> 'listed_days')::integer, 28) as listed_days
from (select energy.current_config() -> 'anomaly_alerts' as alerts) as configs;
comment on view energy.anomaly_alert_settings is 'Section anomaly_alerts of the configuration: one row.';

create or replace view energy.anomaly_detectors as
with

defaults (detector, prior_precision, family) as (
    values ('stuck_valve', 0.75::double precision, 'valve'), ('heat_in_summer', 0.6, 'valve'),
        ('no_response', 0.6, 'no_response'),
        ('sensor_mismatch', 0.5, 'sensor'), ('silent_sensor', 0.8, 'sensor'), ('flat_sensor', 0.6, 'sensor'),
        ('impossible_value', 0.9, 'sensor'), ('no_heat', 0.7, 'no_response'),
        ('cold_building', 0.8, 'no_response'),
        ('hot_water_at_night', 0.6, 'hot_water'), ('open_window', 0.4, 'open_window'),
        -- Of models that alarm on one usual day in a hundred, where less than one day in a hundred has a fault, most
        -- alarms are false: alone they raise an alert where a day is far rarer.
        ('expected_energy', 0.35, 'energy'), ('isolation_forest', 0.2, 'features'), ('local_outlier_factor', 0.2, 'features')
),

config as materialized (
    select energy.current_config() as config
),

named as (
    select detector from defaults
    union
    select rule as detector from energy.anomaly_rules
    union
    select jsonb_object_keys(coalesce(config #> '{anomaly_alerts,detectors}', '{}')) as detector from config
)

select
    named.detector,
    coalesce(
        (config #>> array['anomaly_alerts', 'detectors', named.detector, 'precision'])::double precision,
        defaults.prior_precision, 0.3) as prior_precision,
    coalesce(
        config #>> array['anomaly_alerts', 'detectors', named.detector, 'family'], defaults.family, named.detector
    ) as family,
    coalesce(
        config #>> array['anomalies', 'rules', named.detector, 'severity'], rules.defaults ->> 'severity', 'warning'
    ) as severity
from named
cross join config
left join energy.anomaly_rules as rules on rules.rule = named.detector
left join defaults on defaults.detector = named.detector;
comment on view energy.anomaly_detectors is
$$Detectors of anomalies: how often an alarm of each is a fault as long as technicians' answers do not say, which are alike
(of a family only the strongest counts), and how severe what it finds is. One that is not listed has 0.3 and its own
family.$$;
comment on column energy.anomaly_detectors.prior_precision is
    'anomaly_alerts.detectors.<detector>.precision of the configuration, else that of the code.';
