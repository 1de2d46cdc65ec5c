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
    'A line as it was sent: one copied as LATIN1 holds the bytes of its UTF-8. NULL where they are no UTF-8.';
revoke all on function energy.read_line(text, text) from public;

-- It commits after each batch, so it can have no SET clause; every name is qualified instead.
create or replace procedure energy.ingest_meter_inbox(batch_size integer default 10000)
language plpgsql
as $$
declare
    messages    text[];
    received_at timestamptz;
begin
    loop
        -- By ctid, which cannot change while the row is locked: a join costs more than all the rest.
        with batch as (
            delete from raw.meter_inbox
            where ctid = any (array(
                select ctid from raw.meter_inbox
                where meter_inbox.received_at = (select oldest.received_at from raw.meter_inbox as oldest order by oldest.inbox_id limit 1)
                order by inbox_id limit batch_size
                for update skip locked
            ))
            returning *
        ),

        lines as materialized (
            select batch.inbox_id, batch.received_at, batch.message,
                -- ASCII is the same in every encoding, and is told without the cost of a function with an exception block.
                case
                    when pg_catalog.octet_length(batch.message) = pg_catalog.length(batch.message) then batch.message
                    else energy.read_line(batch.message, batch.encoding)
                end as line
            from batch
        ),

        rejected as (
            insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
            select 'meter', lines.received_at, 'bad_encoding', 'its bytes are no UTF-8; they are shown as LATIN1', pg_catalog.left(lines.message, 1048576)
            from lines where lines.line is null
            on conflict do nothing
        )

        select pg_catalog.array_agg(lines.line order by lines.inbox_id) filter (where lines.line is not null), pg_catalog.min(lines.received_at)
        into messages, received_at
        from lines;
        exit when received_at is null;
        perform energy.take_meter_messages(coalesce(messages, '{}'), received_at);
        commit;
    end loop;
end;
$$;
comment on procedure energy.ingest_meter_inbox(integer) is
$$Takes the lines that COPY has put into raw.meter_inbox, oldest first, one transaction a batch: see energy.take_meter_messages.

To copy a file of JSON Lines whole, whatever bytes it holds (but NUL):
  set client_encoding = latin1;
  \copy raw.meter_inbox (message) from 'messages.jsonl' with (format csv, delimiter e'\x01', quote e'\x02')$$;
revoke all on procedure energy.ingest_meter_inbox(integer) from public;
