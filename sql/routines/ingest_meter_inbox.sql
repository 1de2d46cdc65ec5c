create or replace function energy.read_line(line text, encoding text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case encoding when 'LATIN1' then convert_from(convert_to(line, 'LATIN1'), 'UTF8') else line end;
exception when character_not_in_repertoire or untranslatable_character then
    return null;
end;
$$;
comment on function energy.read_line(text, text) is
    'The text of a line: lines copied as LATIN1 hold the bytes of UTF-8. NULL if they are not valid UTF-8.';
revoke all on function energy.read_line(text, text) from public;

create or replace function energy.take_inbox_batch(batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- An array of text is limited to a gigabyte; one character beyond the limit is enough to detect a line that is too
    -- long.
    most_bytes  constant bigint := 64 << 20;
    most_chars  constant integer := 1048577;
    taken       bigint;
    messages    text[];
    received_at timestamptz;
begin
    -- By ctid, which cannot change while the row is locked: a join by id would dominate the cost.
    with locked as materialized (
        select ctid as place, inbox_id, least(octet_length(message), 4 * most_chars) as bytes from raw.meter_inbox
        where meter_inbox.received_at = (select oldest.received_at from raw.meter_inbox as oldest
            order by oldest.inbox_id limit 1)
        order by inbox_id limit batch_size
        for update skip locked
    ),

    batch as (
        delete from raw.meter_inbox
        where ctid = any (array(
            select place from (select *, sum(bytes) over (order by inbox_id) - coalesce(bytes, 0) as bytes_before
                from locked) as summed
            where bytes_before is null or bytes_before < most_bytes
        ))
        returning *
    ),

    lines as materialized (
        select batch.inbox_id, batch.received_at, left(batch.message, most_chars) as message,
            -- ASCII is the same in every encoding; checking for it avoids a function with an exception block.
            case
                when octet_length(batch.message) = length(batch.message) then left(batch.message, most_chars)
                else left(energy.read_line(batch.message, batch.encoding), most_chars)
            end as line
        from batch
    ),

    rejected as (
        insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
        select 'meter', lines.received_at, 'bad_encoding', 'its bytes are not valid UTF-8; they are shown as LATIN1',
            left(lines.message, 1048576)
        from lines where lines.line is null and lines.message is not null
        order by md5(left(lines.message, 1048576))
        on conflict do nothing
    )

    select count(*), array_agg(lines.line order by lines.inbox_id) filter (where lines.line is not null),
        min(lines.received_at)
    into taken, messages, received_at
    from lines;
    if taken > 0 then
        -- Rows with an invalid time were written before the table rejected it.
        perform energy.take_meter_messages(coalesce(messages, '{}'),
            case when isfinite(received_at) then received_at end);
    end if;
    return taken;
end;
$$;
comment on function energy.take_inbox_batch(integer) is
$$Ingests the oldest lines of raw.meter_inbox that no other session has locked, at most 64 MB: see
energy.take_meter_messages. Returns the number of lines; 0: there are none left.$$;
revoke all on function energy.take_inbox_batch(integer) from public;

-- It commits after each batch, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.ingest_meter_inbox(batch_size integer default 10000)
language plpgsql
as $$
declare
    started_at constant timestamptz := pg_catalog.clock_timestamp();
    state      text;
    message    text;
    advice     text;
begin
    loop
        begin
            exit when energy.take_inbox_batch(batch_size) = 0;
        exception when query_canceled or others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            -- The lines stay in the inbox for the next run.
            perform energy.record_job_run('ingest_inbox', null, energy.clock(), started_at, 'failed', 0, state, message,
                advice);
            raise warning 'the inbox was not ingested: %', message;
            exit;
        end;
        commit;
    end loop;
end;
$$;
comment on procedure energy.ingest_meter_inbox(integer) is
$$Ingests the lines that COPY has written to raw.meter_inbox, oldest first, one transaction per batch: see
energy.take_meter_messages. A run that fails is recorded in energy.job_runs, and the next run continues.

To copy a file of JSON Lines with arbitrary bytes (except NUL and carriage returns, which tr -d '\000\r' removes):
  set client_encoding = latin1;
  \copy raw.meter_inbox (message) from 'messages.jsonl' with (format csv, delimiter e'\x01', quote e'\x02')$$;
revoke all on procedure energy.ingest_meter_inbox(integer) from public;
