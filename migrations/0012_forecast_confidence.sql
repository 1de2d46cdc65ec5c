-- How far each forecast can be trusted.
set local role edf_owner;

-- No default, so that compressed chunks stay as they are.
alter table energy.forecasts add column confidence double precision;
comment on column energy.forecasts.confidence is
    'How like the hour is to what its model has learnt, between 0 and 1: see edf.forecast. NULL: of a forecast from before there was one.';

reset role;
