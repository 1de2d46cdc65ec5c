create or replace function energy.turns_of(messages text[]) returns setof integer
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select distinct hashtext(building_id) & 255 from edf.parse_meter_messages(messages) where building_id is not null;
$$;
comment on function energy.turns_of(text[]) is
    'The locks, rows of energy.meter_turns, for ingesting messages: those of their buildings.';
revoke all on function energy.turns_of(text[]) from public;

create or replace function energy.await_turns(turns integer[]) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- In a fixed order, to avoid deadlocks.
    insert into energy.meter_turns as held (turn)
    select distinct turn from unnest(turns) as turn order by turn
    on conflict (turn) do update set taken = held.taken + 1;
$$;
comment on function energy.await_turns(integer[]) is
$$Acquires these locks until the end of the transaction. A transaction that ingests messages by several calls must
first acquire all of its locks.$$;
revoke all on function energy.await_turns(integer[]) from public;

create or replace function energy.take_or_set_aside(
    messages text[], received_at timestamptz, sender text, overrule boolean,
    out readings_taken bigint, out messages_rejected bigint, out rejections jsonb
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    half       constant integer := cardinality(messages) / 2;
    state      text;
    message    text;
    advice     text;
    line       constant text := left(coalesce(messages[1], ''), 1048576);
    taken      record;
begin
    select taken.readings_taken, taken.messages_rejected, taken.rejections
    into readings_taken, messages_rejected, rejections
    from energy.store_meter_messages(messages, take_or_set_aside.received_at, take_or_set_aside.sender,
        overrule) as taken;
exception when others then
    get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
    -- Other errors are not caused by the data: they would recur.
    if left(state, 2) not in ('21', '22', '23', '2F', '38', '39', '54', 'P0', 'XX') or state in ('XX001', 'XX002') then
        raise;
    elsif cardinality(messages) > 1 then
        select * into taken
        from energy.take_or_set_aside(
            messages[:half], take_or_set_aside.received_at, take_or_set_aside.sender, overrule);
        select taken.readings_taken + rest.readings_taken, taken.messages_rejected + rest.messages_rejected,
            taken.rejections || (
                select coalesce(jsonb_agg(told || jsonb_build_object('index', half + (told -> 'index')::integer)), '[]')
                from jsonb_array_elements(rest.rejections) as told)
        into readings_taken, messages_rejected, rejections
        from energy.take_or_set_aside(
            messages[half + 1:], take_or_set_aside.received_at, take_or_set_aside.sender, overrule) as rest;
    else
        if coalesce(octet_length(line)
                    <= energy.rejected_room(take_or_set_aside.sender, take_or_set_aside.received_at), true) then
            insert into raw.rejected_messages (source, received_at, reason_code, reason, message, sender)
            values ('meter', take_or_set_aside.received_at, 'ingest_error',
                format('%s: %s', state, left(message, 1000)),
                    line, take_or_set_aside.sender)
            on conflict do nothing;
            if found then
                perform energy.note_rejected(
                    take_or_set_aside.sender, take_or_set_aside.received_at, octet_length(line));
            end if;
        end if;
        perform energy.record_job_run(
            'take_meter_messages', (select min(building_id) from edf.parse_meter_messages(messages)),
            take_or_set_aside.received_at,
            clock_timestamp(), 'failed', 0, state, message, advice);
        readings_taken := 0;
        messages_rejected := 1;
        rejections := jsonb_build_array(jsonb_build_object(
            'index', 0, 'reason_code', 'ingest_error',
            'reason', 'the database cannot store it; the operator can see why'));
    end if;
end;
$$;
comment on function energy.take_or_set_aside(text[], timestamptz, text, boolean) is
$$Stores messages; one that the database refuses goes to raw.rejected_messages (ingest_error) and is recorded in
energy.job_runs with its SQLSTATE, and the others are stored. Errors not caused by the data, such as a lock timeout, are
raised.$$;
revoke all on function energy.take_or_set_aside(text[], timestamptz, text, boolean) from public;

-- Earlier versions took the allowed buildings as an argument, defaulting to all.
drop function if exists energy.take_meter_messages(text[], timestamptz, text[]);

create or replace function energy.take_meter_messages(
    messages text[], received_at timestamptz default null, sender text default null, overrule boolean default false,
    out readings_taken bigint, out messages_rejected bigint, out rejections jsonb
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- Blanks, and the byte order mark that some editors write.
    blank    constant text := e' \t\r\n' || chr(65279);
    known_at constant timestamptz := coalesce(take_meter_messages.received_at, energy.clock());
    lines    text[] := messages;
begin
    perform energy.check_timescaledb();
    if not isfinite(known_at) then
        raise exception 'received_at is %', known_at using errcode = 'invalid_parameter_value',
            hint = 'Pass the time at which the messages were received.';
    end if;
    if array_lower(messages, 1) <> 1 or array_ndims(messages) <> 1
       or exists (select from unnest(messages) as sent
           where left(sent, 1) = chr(65279) or btrim(sent, blank) = '' or sent is null) then
        lines := array(select ltrim(sent, chr(65279)) from unnest(messages) with ordinality as sent (sent, at)
            where btrim(sent, blank) <> '' order by at);
    end if;
    perform energy.await_turns(array(select energy.turns_of(coalesce(lines, '{}'))));
    select taken.readings_taken, taken.messages_rejected, taken.rejections
    into readings_taken, messages_rejected, rejections
    from energy.take_or_set_aside(coalesce(lines, '{}'), known_at, take_meter_messages.sender, overrule) as taken;
    insert into raw.ingestions (received_at, messages, readings_taken, messages_rejected, sender, overruled)
    values (known_at, coalesce(cardinality(lines), 0), readings_taken, messages_rejected, take_meter_messages.sender,
        overrule);
end;
$$;
comment on function energy.take_meter_messages(text[], timestamptz, text, boolean) is
$$Ingests meter messages, each a line of JSON: validates, rejects, stores, and queues the affected hours. Blank lines
and byte order marks are skipped.

Ingesting a message again, at any time, changes nothing; another value for a reading is a correction, stored beside the
earlier values, and counts from its receipt. Invalid messages go to raw.rejected_messages with a reason. sender:
restricts the buildings by energy.building_access; NULL is the pipeline itself, without restriction. overrule: accept
any building regardless, which is recorded. Returns the number of new readings and of messages that were rejected, fully
or partly; for a sender also the first hundred or so rejections: index from 0 (blank lines not counted), reason_code,
reason. At most quality.max_rejected_mb of a sender's rejected messages are stored per day. Errors: 22023 received_at is
not a valid time.$$;
revoke all on function energy.take_meter_messages(text[], timestamptz, text, boolean) from public;

create or replace function energy.take_meter_messages(
    messages jsonb, received_at timestamptz default null, out readings_taken bigint, out messages_rejected bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(messages) is distinct from 'array' then
        raise exception 'messages is not a JSON array'
            using errcode = 'invalid_parameter_value', hint = 'Wrap a single message in [ ].';
    end if;
    select taken.readings_taken, taken.messages_rejected into readings_taken, messages_rejected
    from energy.take_meter_messages(array(select message::text from jsonb_array_elements(messages) as message),
        received_at) as taken;
end;
$$;
comment on function energy.take_meter_messages(jsonb, timestamptz) is
$$Ingests an array of meter messages, such as the result of a query: see energy.take_meter_messages(text[]). Errors:
22023 not an array.$$;
revoke all on function energy.take_meter_messages(jsonb, timestamptz) from public;

create or replace function energy.take_meter_lines(
    lines text, received_at timestamptz default null, out readings_taken bigint, out messages_rejected bigint
)
language sql
set search_path = pg_catalog, pg_temp
as $$
    select taken.readings_taken, taken.messages_rejected
    from energy.take_meter_messages(string_to_array(lines, e'\n'), received_at) as taken;
$$;
comment on function energy.take_meter_lines(text, timestamptz) is
    'Ingests JSON Lines with LF or CR LF, such as the content of a file: see energy.take_meter_messages(text[]).';
revoke all on function energy.take_meter_lines(text, timestamptz) from public;

create or replace procedure energy.ingest_meter_messages(messages text[], received_at timestamptz default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.take_meter_messages(messages, received_at);
end;
$$;
comment on procedure energy.ingest_meter_messages(text[], timestamptz) is
    'Ingests meter messages: see energy.take_meter_messages.';
revoke all on procedure energy.ingest_meter_messages(text[], timestamptz) from public;

create or replace procedure energy.ingest_meter_messages(messages jsonb, received_at timestamptz default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.take_meter_messages(messages, received_at);
end;
$$;
comment on procedure energy.ingest_meter_messages(jsonb, timestamptz) is
    'Ingests an array of meter messages: see energy.take_meter_messages. Errors: 22023 not an array.';
revoke all on procedure energy.ingest_meter_messages(jsonb, timestamptz) from public;
