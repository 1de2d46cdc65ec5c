-- Searches for hyperparameters, and every trial of them.

create table edf.tunings (
    tuning_id  bigint generated always as identity primary key,
    subject    text not null,
    strategy   text not null,
    space      jsonb not null,
    metric     text not null,
    query      text not null,
    regressor_forecasts text,
    settings   jsonb not null,
    before     timestamptz not null,
    seed       integer not null,
    created_at timestamptz not null default now(),
    created_by text not null
);
comment on table edf.tunings is 'The arguments of searches by edf.tune. Deleting one deletes its trials.';
comment on column edf.tunings.subject is 'What is forecast: a building''s id, a meter, any name.';
comment on column edf.tunings.space is 'The values to try of each hyperparameter: a range or a list.';
comment on column edf.tunings.metric is 'The error to minimise, of the forecasts of all origins.';
comment on column edf.tunings.query is 'The training data.';
comment on column edf.tunings.settings is 'Arguments of the backtest of each trial, with the defaults filled in.';
comment on column edf.tunings.before is 'Rows from this time on are not read.';
create index tunings_by_subject on edf.tunings (subject, strategy, created_at desc);

create table edf.trials (
    tuning_id  bigint not null,
    number     integer not null,
    parameters jsonb not null,
    state      text not null check (state in ('succeeded', 'failed')),
    score      double precision check ((score is not null) = (state = 'succeeded')),
    origins    bigint,
    seconds    double precision not null,
    error      text,
    created_at timestamptz not null default now(),
    created_by text not null,
    primary key (tuning_id, number)
);
comment on table edf.trials is 'The trials of a tuning: hyperparameters, and the error of a backtest with them.';
comment on column edf.trials.score is 'The tuning''s metric.';
comment on column edf.trials.origins is 'Number of origins of the backtest.';
comment on column edf.trials.seconds is 'How long it took.';
comment on column edf.trials.error is 'Why it failed.';

select pg_catalog.pg_extension_config_dump('edf.tunings', '');
select pg_catalog.pg_extension_config_dump('edf.tunings_tuning_id_seq', '');
select pg_catalog.pg_extension_config_dump('edf.trials', '');

create function edf.open_tuning(
    subject text, strategy text, space jsonb, metric text, query text, regressor_forecasts text, settings jsonb, before timestamptz, seed integer
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tuning bigint;
begin
    perform edf.require('subject', subject is not null), edf.require('strategy', strategy is not null),
            edf.require('space', space is not null), edf.require('metric', metric is not null),
            edf.require('query', query is not null), edf.require('settings', settings is not null),
            edf.require('before', before is not null), edf.require('seed', seed is not null);
    -- Concurrent calls find the same one.
    perform pg_advisory_xact_lock(hashtextextended('edf.tunings ' || open_tuning.subject, 0));
    select t.tuning_id into tuning
    from edf.tunings as t
    where (t.subject, t.strategy, t.space, t.metric, t.query, t.settings, t.before, t.seed)
        = (open_tuning.subject, open_tuning.strategy, open_tuning.space, open_tuning.metric, open_tuning.query, open_tuning.settings,
           open_tuning.before, open_tuning.seed)
      and t.regressor_forecasts is not distinct from open_tuning.regressor_forecasts;
    if not found then
        insert into edf.tunings (subject, strategy, space, metric, query, regressor_forecasts, settings, before, seed, created_by)
        values (open_tuning.subject, open_tuning.strategy, open_tuning.space, open_tuning.metric, open_tuning.query,
                open_tuning.regressor_forecasts, open_tuning.settings, open_tuning.before, open_tuning.seed, edf.acting_role())
        returning tuning_id into tuning;
    end if;
    return tuning;
end;
$$;
comment on function edf.open_tuning is
    'Returns the id of the tuning with these arguments, and creates it if there is none; called by edf.tune.';
revoke all on function edf.open_tuning from public;

create function edf.register_trial(
    tuning_id bigint, number integer, parameters jsonb, score double precision, origins bigint, seconds double precision, error text
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform edf.require('tuning_id', tuning_id is not null), edf.require('number', number is not null),
            edf.require('parameters', parameters is not null), edf.require('seconds', seconds is not null);
    perform from edf.tunings where tunings.tuning_id = register_trial.tuning_id for key share;
    if not found then
        raise exception 'there is no tuning %', tuning_id
            using errcode = 'undefined_object', hint = 'It was deleted during the search: tune again.';
    end if;
    insert into edf.trials (tuning_id, number, parameters, state, score, origins, seconds, error, created_by)
    values (register_trial.tuning_id, register_trial.number, register_trial.parameters,
            case when register_trial.score is null then 'failed' else 'succeeded' end, register_trial.score, register_trial.origins,
            register_trial.seconds, register_trial.error, edf.acting_role());
end;
$$;
comment on function edf.register_trial is 'Writes a trial; called by edf.tune. Errors: 42704 no such tuning.';
revoke all on function edf.register_trial from public;

create function edf.best_parameters(subject text, strategy text default null) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    best jsonb;
begin
    perform edf.require('subject', best_parameters.subject is not null);
    -- Scores of different tunings are not of the same hours.
    select trials.parameters into best
    from edf.tunings
    join edf.trials using (tuning_id)
    where tunings.subject = best_parameters.subject and state = 'succeeded'
      and (best_parameters.strategy is null or tunings.strategy = best_parameters.strategy)
    order by tuning_id desc, score, number
    limit 1;
    if not found then
        raise exception 'there is no trial of "%"%', best_parameters.subject, coalesce(' with ' || best_parameters.strategy, '')
            using errcode = 'undefined_object', hint = 'Tune it: call edf.tune(subject, training_data, strategy).';
    end if;
    return best;
end;
$$;
comment on function edf.best_parameters is
$$The hyperparameters of the best trial of a subject's newest tuning, for parameters of edf.train; those that were
not tuned have their defaults.

strategy: by default that of the newest tuning. Errors: 42704 no trial.$$;
revoke all on function edf.best_parameters from public;

revoke all on edf.tunings, edf.trials from public;
