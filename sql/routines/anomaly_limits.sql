create or replace view energy.anomaly_limits as
select
    coalesce((anomalies ->> 'gap_c')::double precision, 2) as gap_c,
    coalesce((anomalies ->> 'night_from_hour')::integer, 1) as night_from_hour,
    coalesce((anomalies ->> 'night_to_hour')::integer, 5) as night_to_hour,
    coalesce((anomalies ->> 'min_known_share')::double precision, 0.75) as min_known_share,
    coalesce((anomalies ->> 'catch_up')::interval, interval '14 days') as catch_up
from (select energy.current_config() -> 'anomalies' as anomalies) as configs;
comment on view energy.anomaly_limits is 'Section anomalies of the configuration, but for its rules: one row.';

create or replace function energy.rule_settings(rule text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('enabled', true, 'severity', 'warning', 'hours', 24, 'min_known_share',
        limits.min_known_share)
        || rules.defaults || coalesce(energy.current_config() #> array['anomalies', 'rules', rules.rule], '{}')
    from energy.anomaly_rules as rules
    cross join energy.anomaly_limits as limits
    where rules.rule = rule_settings.rule
$$;
comment on function energy.rule_settings(text) is
    'What a rule works with: its defaults, and over them anomalies.rules.<rule> of the configuration. NULL: there is no such rule.';
revoke all on function energy.rule_settings(text) from public;

create or replace function energy.rule_score(hours double precision, required_hours double precision,
    excess double precision default 1)
returns double precision
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Half as long again as required counts alike at every duration; how strong it is counts once it has lasted.
    select case when coalesce(hours, 0) <= 0 then 0
        when hours < required_hours then 1 - power(2::double precision, -hours / required_hours)
        else 1 - power(2::double precision, -least(50, hours / required_hours * greatest(1, coalesce(excess, 1)))) end
$$;
comment on function energy.rule_score(double precision, double precision, double precision) is
$$The score of a rule: 0.5 after the required duration, nearer to 1 the longer it lasts and the further it is beyond
the threshold (excess, in multiples of it).$$;
revoke all on function energy.rule_score(double precision, double precision, double precision) from public;

-- Features of some days rest on those before them only as far as this; without a setting they are those of all days.
create or replace function energy.set_feature_days(from_date date) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select set_config('energy.feature_days_since', coalesce(from_date::text, ''), true);
$$;
comment on function energy.set_feature_days(date) is
    'Says that features.fct_apartment_days is read from this date on, until the transaction ends; NULL: of all days. It computes no others then.';
revoke all on function energy.set_feature_days(date) from public;

-- Stable and not immutable: a plan that is kept has to see what is set later.
create or replace function energy.feature_days_since() returns date
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(nullif(current_setting('energy.feature_days_since', true), '')::date, '-infinity');
$$;
comment on function energy.feature_days_since() is 'From which date on features.fct_apartment_days is read, as energy.set_feature_days() says.';
revoke all on function energy.feature_days_since() from public;
