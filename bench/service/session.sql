-- Processor seconds used by a session, and memory that it holds.
create or replace function pg_temp.cpu_seconds() returns numeric volatile
return (select sum(part::numeric) / 100
    from unnest((string_to_array(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' '))[12:13]) as part);
create or replace function pg_temp.own_mb() returns numeric volatile
return round(substring(pg_read_file('/proc/self/status') from 'RssAnon:\s+(\d+)')::numeric / 1024);
set synchronous_commit = off;
