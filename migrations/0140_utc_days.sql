-- Views look up a day by its key; generated days would be gone through for each day that is computed.
set local role edf_owner;

create table energy.utc_days (
    day_at timestamptz primary key check (day_at = date_trunc('day', day_at, 'UTC'))
);
comment on table energy.utc_days is 'A date dimension: the start of each UTC day that can have readings, 1970 to 2099.';
insert into energy.utc_days (day_at)
select day_at from generate_series('1970-01-01 00:00Z'::timestamptz, '2099-12-31 00:00Z', '24 hours') as day_at;

reset role;
