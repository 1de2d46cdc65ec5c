-- What models forecast of combinations that they have not seen.
set local role edf_owner;

create table energy.stress_tests (
    model_id    bigint not null,
    tested_at   timestamptz not null default now(),
    scenario    text not null,
    rule        text not null,
    passed      boolean not null,
    value       double precision,
    limit_value double precision,
    reason      text,
    primary key (model_id, tested_at, scenario, rule)
);
comment on table energy.stress_tests is 'Results of energy.stress_test, of each model the newest counts: one row per model, test, scenario and rule.';
comment on column energy.stress_tests.value is 'What was found, in the unit that reason names.';
comment on column energy.stress_tests.limit_value is 'What was let pass.';
comment on column energy.stress_tests.reason is 'Why it failed; NULL where it passed.';

reset role;
