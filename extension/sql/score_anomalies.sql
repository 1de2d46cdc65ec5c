create function edf.score_anomalies(model_id bigint, query text) returns table (
    key              text,
    score            double precision,
    is_anomaly       boolean,
    expected         double precision,
    lower            double precision,
    upper            double precision,
    tail_probability double precision,
    raw_score        double precision,
    cusum            double precision,
    run_days         integer
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    model edf.models;
    rows  edf.observations;
begin
    perform edf.require('model_id', score_anomalies.model_id is not null), edf.require('query', query is not null);
    model := edf.anomaly_model(score_anomalies.model_id);
    rows := edf.observations_of(query, model.parameters, model.feature_names, model.strategy = 'expected_energy');
    return query
    select k.key, s.score, s.is_anomaly, s.expected, s.lower, s.upper, s.tail_probability, s.raw_score, s.cusum, s.run_days
    from edf.anomaly_scores(model.artifact, rows) as s
    join unnest(rows.keys) with ordinality as k (key, n) using (n)
    order by n;
end;
$$;
comment on function edf.score_anomalies is
$$Scores each row of a query with a model of edf.train_anomaly_model: one row per row, in its order. The query has
the columns that the model was trained on, by name, the key first; others are ignored.

score: between 0 and 1, one minus the probability that a normal row is as unusual, so that scores of all strategies
can be compared; for alert_probability the probability that the alert is real. is_anomaly: whether this detector
raises an alarm. All are NULL where fewer than half of the features are known, or the target is not: unknown values
raise no alarm. expected, lower and upper: for expected_energy the expected target and the bounds beyond which
is_anomaly is true, in its unit; for alert_probability lower and upper are the 90 % interval of the probability.
tail_probability: exact posterior predictive (Student t) probability of a day as far from its expectation, which the
score calibrates with the days of the training set. raw_score: the normal score of the day; the isolation score,
usually about 0.5; the outlier factor, usually about 1; the log-odds. cusum, run_days: the cumulative sum of a run of
days in standard deviations, negative where they are low, and days since it was zero; rows of a group are read in
order of their time, so the query of a day begins some weeks before it.
Memory: six times the numbers of the query, and the model. Errors: as edf.train_anomaly_model; 42704 no such model;
55000 its artifact was emptied; XX001 its artifact is damaged; 0A000 it is a forecasting model.$$;
revoke all on function edf.score_anomalies from public;

create function edf.detect_anomalies(
    subject    text,
    query      text,
    strategy   text  default null,
    parameters jsonb default '{}'
) returns table (
    key              text,
    score            double precision,
    is_anomaly       boolean,
    expected         double precision,
    lower            double precision,
    upper            double precision,
    tail_probability double precision,
    raw_score        double precision,
    cusum            double precision,
    run_days         integer,
    model_id         bigint
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    model  edf.models;
    chosen text := coalesce(strategy, case when parameters ? 'target' then 'expected_energy' else 'isolation_forest' end);
    rows   edf.observations;
begin
    perform edf.require('subject', subject is not null), edf.require('query', query is not null), edf.require('parameters', parameters is not null);
    select * into model from edf.models where models.subject = detect_anomalies.subject and status = 'approved';
    if found then
        return query select s.*, model.model_id from edf.score_anomalies(model.model_id, query) as s;
        return;
    end if;
    rows := edf.observations_of(query, edf.read_anomaly_parameters(chosen, parameters));
    return query
    select k.key, s.score, s.is_anomaly, s.expected, s.lower, s.upper, s.tail_probability, s.raw_score, s.cusum, s.run_days, null::bigint
    from edf.own_anomaly_scores(chosen, rows, parameters) as s
    join unnest(rows.keys) with ordinality as k (key, n) using (n)
    order by n;
end;
$$;
comment on function edf.detect_anomalies is
$$Scores each row of any query: with the approved model of the subject, or without one with a model that is fitted on
the rows of the query and not stored. Columns as edf.score_anomalies, and model_id, NULL without an approved model.

query, strategy and parameters: as in edf.train_anomaly_model; strategy and parameters are only used if no model is
approved. strategy: by default expected_energy if the parameters name a target, else isolation_forest. With
expected_energy each row is scored by the posterior without it (in closed form). Faults among the rows make others
look less unusual, and many similar ones look normal: an approved model that was trained on other days detects more.
Errors: as edf.train_anomaly_model; 0A000 the approved model of the subject is a forecasting model.$$;
revoke all on function edf.detect_anomalies from public;
