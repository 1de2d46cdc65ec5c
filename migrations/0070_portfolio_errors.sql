-- How far the errors of a portfolio's buildings even out.
set local role edf_owner;

create table energy.portfolio_errors (
    subject   text not null,
    lead_day  integer not null check (lead_day >= 1),
    valid_at  timestamptz not null,
    buildings integer not null,
    error_kwh double precision not null,
    below_kwh double precision not null,
    above_kwh double precision not null,
    primary key (subject, lead_day, valid_at)
);
comment on table energy.portfolio_errors is
$$Errors of what was issued, summed over the buildings of a subject of energy.building_access, by day of lead and hour:
see energy.score_portfolios.$$;
comment on column energy.portfolio_errors.lead_day is '1: hours up to 24 h after the issue.';
comment on column energy.portfolio_errors.buildings is 'Buildings that were forecast and whose demand is known.';
comment on column energy.portfolio_errors.error_kwh is 'Their demand less their forecasts.';
comment on column energy.portfolio_errors.below_kwh is
    'Sum of yhat - yhat_lower, the parts of their intervals below the forecast.';
comment on column energy.portfolio_errors.above_kwh is 'Sum of yhat_upper - yhat.';

create table energy.portfolio_spreads (
    subject     text not null,
    lead_day    integer not null,
    days        integer not null,
    lower_score double precision not null check (lower_score <= 0),
    upper_score double precision not null check (upper_score >= 0),
    primary key (subject, lead_day)
);
comment on table energy.portfolio_spreads is
$$How much of the summed half intervals of its buildings the 90 % interval of a subject's sum is, by day of lead: see
energy.learn_portfolio_spreads. 1 would be the sum of bounds, for errors that always meet.$$;
comment on column energy.portfolio_spreads.days is 'Days that it rests on.';
comment on column energy.portfolio_spreads.lower_score is
    'Times the sum of yhat - yhat_lower: from the sum of yhat to its lower bound.';
comment on column energy.portfolio_spreads.upper_score is
    'Times the sum of yhat_upper - yhat: to its upper bound.';

reset role;
