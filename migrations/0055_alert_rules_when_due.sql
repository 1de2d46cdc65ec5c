-- Rules that read weeks of hours are checked less often than the others.
set local role edf_owner;

alter table energy.alert_rules
    add column every      interval not null default interval '5 minutes',
    add column checked_at timestamptz;
comment on column energy.alert_rules.every is 'How often it is checked; the others of a run of energy.check_alerts() are left as they are.';
comment on column energy.alert_rules.checked_at is 'When it was checked last, by the clock of the pipeline.';

reset role;
