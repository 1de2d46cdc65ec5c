-- When each building was trained last is looked up daily.
set local role edf_owner;

create index training_runs_by_subject on energy.training_runs (coalesce(building_id, 'archetype:' || archetype), slot_at);

reset role;
