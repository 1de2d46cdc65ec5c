-- The part of edf in a task, in one statement: psql -v task=... -v strategy=... -v parameters=... -v buildings=... -v
-- worker=... -v workers=... -f tasks.sql
-- The last line is the processor time of the backend.
\set QUIET on
select :'task' = 'train' as is_training, :'task' = 'forecast' as is_inference \gset
\if :is_training
insert into memory
select :'strategy', row_number() over (), memory_mb('RssAnon'), memory_mb('VmHWM')
from (
    select edf.train(number::text, hours_of(number, starts_at, trained_until), strategy => :'strategy',
        parameters => :'parameters', features => '{"time_zone": "Etc/GMT+8"}')
    from clock, generate_series(0, :buildings - 1) as number
    where number % :workers = :worker
    offset 0
) as trained;
\elif :is_inference
insert into edf_forecasts
select number, issued_at, valid_at, yhat, yhat_lower, yhat_upper, quantile_values
from clock, generate_series(0, :buildings - 1) as number,
    edf.forecast(number::text, hours_of(number, issued_at - interval '60 days', ends_at),
        issued_at => issued_at) as ahead
where number % :workers = :worker;
\else
insert into edf_backtests
select number, backtested.issued_at, valid_at, actual, yhat, yhat_lower, yhat_upper, quantile_values
from clock, generate_series(0, :buildings - 1) as number,
    edf.backtest(hours_of(number, starts_at, trained_until), strategy => :'strategy', parameters => :'parameters',
        features => '{"time_zone": "Etc/GMT+8"}') as backtested
where number % :workers = :worker;
\endif
select cpu_seconds();
