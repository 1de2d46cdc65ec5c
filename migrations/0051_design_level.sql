-- A new building's level is told by its days, not by its weeks.
set local role edf_owner;

delete from energy.design_profiles;
-- It is made anew with the name of what it now takes.
drop function if exists energy.shrunken_level(double precision, double precision, double precision, double precision, double precision);
alter table energy.design_profiles rename column weekly_variance to daily_variance;
comment on column energy.design_profiles.between_variance is
    'Variance of the logarithm of demand to forecast by the profile of the others, over the weeks of all buildings: the prior of a new building''s level.';
comment on column energy.design_profiles.daily_variance is
    'Variance of the same of a day, from the differences of successive days of a building.';

reset role;
