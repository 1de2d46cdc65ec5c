-- Schemas, left to right: what arrives, what dbt makes of it, what is kept, what is served.
create schema raw authorization edf_owner;
comment on schema raw is 'What meters, weather services and people send, as it came. Append-only.';
create schema staging authorization edf_owner;
comment on schema staging is 'dbt: raw rows, renamed and deduplicated.';
create schema processed authorization edf_owner;
comment on schema processed is 'dbt: hours of apartments and buildings.';
create schema features authorization edf_owner;
comment on schema features is 'dbt: the inputs of models.';
create schema energy authorization edf_owner;
comment on schema energy is 'Materialised hours, forecasts, scores, job runs, and the routines that write them.';
create schema api authorization edf_owner;
comment on schema api is $$Energy demand forecasts

Hourly demand of buildings for the next 72 hours, with 90 % intervals. Energies are in kWh per hour, times carry their offset.$$;
