-- Which buildings are alike, so that one without a model of its own is forecast by what the others do.
set local role edf_owner;

alter table raw.buildings
    add column archetype text not null default 'building' check (archetype <> ''),
    add constraint buildings_building_id_names_no_archetype check (building_id not like 'archetype:%');
comment on column raw.buildings.archetype is
    'Which buildings are alike, in one time zone: a building without a model of its own is forecast by the model of all that share its archetype.';

alter table energy.trainings
    alter column building_id drop not null,
    add column archetype text,
    add constraint trainings_of_one check (num_nonnulls(building_id, archetype) = 1);
comment on table energy.trainings is 'How the pipeline trained a model: one row per model of energy.train_model and of energy.train_archetype.';
comment on column energy.trainings.building_id is 'The building whose model it is; NULL: that of an archetype.';
comment on column energy.trainings.archetype is 'The archetype whose model it is; NULL: that of a building.';

comment on table energy.model_scores is
    'Rolling-origin backtest of a model''s recipe, and of seasonal naive on the same hours, by day of lead; of a model of an archetype, its errors as those of newcomers.';
comment on column energy.model_scores.lead_day is '0: all days together, as the scores of a model of an archetype are.';
comment on column energy.model_scores.coverage_pct is
    'Share of the hours inside the 90 % interval; NULL of a model of an archetype, whose intervals are made of these errors.';

-- No default, so that compressed chunks stay as they are.
alter table energy.forecasts add column archetype text;
comment on column energy.forecasts.archetype is 'A cold start: the archetype whose model it comes from; NULL: the building''s own model.';

alter table energy.job_runs add column archetype text;
comment on table energy.job_runs is
    'What each run of a job did: a row for the run, and a row for each building or archetype that it failed for.';
comment on column energy.job_runs.archetype is 'The archetype that was trained, where it is no building.';

reset role;
