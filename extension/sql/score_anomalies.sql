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
$$How odd each row of a query is, by a model of edf.train_anomaly_model: one row for each row, in its order. The query has the columns that the model was trained on, by name, the key first; others are ignored.

score: between 0 and 1, one less the probability of a row as odd among normal ones, so that scores of all strategies can be compared; of alert_probability the probability that it is real. is_anomaly: an
alarm of this detector; all are NULL where less than half of the features or not the target is known: never an alarm about what is not known. expected, lower and upper: of expected_energy what the target
was expected to be and between which values it is no alarm, in its unit; of alert_probability lower and upper are the 90 % interval of the probability. tail_probability: exact posterior predictive (Student t)
probability of a day as far off, which the score calibrates by the days that were learnt from. raw_score: the day's normal score; the isolation score, a half being usual; the outlier factor, one being
usual; the log-odds. cusum, run_days: the sum of a run of days, negative where they are low, in standard deviations, and days since it was zero; the rows of a group are taken in the order of
their time, so that the query of a day begins some weeks before it.
Memory: six times the numbers of the query, and the model. Errors: as edf.train_anomaly_model; 42704 no such model; 55000 its artifact was emptied; XX001 it is damaged; 0A000 it forecasts.$$;
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
$$How odd each row of any query is: by the approved model of the subject, and where there is none by a model that is fitted on the rows of the query themselves and not kept. Columns as edf.score_anomalies, and
model_id, NULL where the rows judged themselves.

query, strategy and parameters: as edf.train_anomaly_model; strategy and parameters only matter where no model is approved. strategy: by default expected_energy where the parameters name a target, else
isolation_forest. Of expected_energy each row is judged by the others: the posterior without it, in closed form. Faults among the rows make others look less odd, and many alike are taken for normal: an
approved model that was trained on other days sees more.
Errors: as edf.train_anomaly_model; 0A000 the approved model of the subject forecasts.$$;
revoke all on function edf.detect_anomalies from public;
