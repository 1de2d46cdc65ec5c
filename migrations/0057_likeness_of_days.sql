-- How like the weather of each day ahead is to that of days that are known, read once for all buildings of a place.
set local role edf_owner;

alter type energy.place_inputs add attribute likeness_days timestamptz[], add attribute likeness double precision[];
comment on column energy.place_inputs.likeness is 'Of the UTC days in likeness_days: energy.weather_likeness.';
comment on column energy.forecasts.confidence is
    'How like the hour is to what its model has learnt, and its weather to that of days that are known, whichever is less: between 0 and 1; see edf.forecast and energy.weather_likeness. NULL: made without a model.';

reset role;
