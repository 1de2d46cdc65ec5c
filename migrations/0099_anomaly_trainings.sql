-- Models of anomalies are trained by the queue that trains those of forecasts, and judge days beside rules.
set local role edf_owner;

alter table energy.training_runs
    add column detector text check (detector in ('expected_energy', 'isolation_forest', 'local_outlier_factor'));
comment on column energy.training_runs.detector is
    'The model of anomalies that is trained, by its strategy; NULL: a model that forecasts.';
-- Of a building each detector has a training of its own.
drop index energy.training_runs_open;
create unique index training_runs_open
    on energy.training_runs (coalesce(building_id, 'archetype:' || archetype), coalesce(detector, ''))
    where state in ('queued', 'running');
drop index energy.training_runs_by_subject;
create index training_runs_by_subject
    on energy.training_runs (coalesce(building_id, 'archetype:' || archetype), coalesce(detector, ''), slot_at);

-- Analysts read models: by what these know an apartment it is not known elsewhere.
alter table raw.apartments add column model_key uuid not null default gen_random_uuid();
comment on column raw.apartments.model_key is 'What models of anomalies call the apartment, whose weights they have.';

comment on table energy.trainings is
    'How the pipeline trained a model: one row per model of energy.train_model, energy.train_archetype and energy.fit_anomaly_model.';
comment on column energy.model_scores.coverage_pct is
$$Share of the hours inside the 90 % interval; NULL of a model of an archetype, whose intervals are made of these errors.
Of a model of anomalies the share of the days that were held out and are no alarm.$$;
comment on column energy.model_scores.n is 'Hours scored; of a model of anomalies, days of apartments.';

alter table energy.anomaly_findings
    add column prior double precision check (prior between 0 and 1);
comment on column energy.anomaly_findings.prior is
    'What the score is by the precisions of the configuration, without learnt weights; NULL: from before it was kept.';
comment on column energy.anomaly_findings.strengths is
    'Of each detector how strongly it speaks, 0 to 1 (docs/anomalies.md): what the combined score is made of.';

-- They return, or take, something else now.
drop function if exists energy.combined_anomaly_scores(text[], date, date);
drop function if exists energy.keep_scores(text, text[], date, date, text, jsonb, double precision, bigint);
drop function if exists energy.training_due(text, text, timestamptz);

reset role;
