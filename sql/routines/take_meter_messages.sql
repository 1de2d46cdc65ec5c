create or replace function energy.turns_of(messages text[]) returns setof integer
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select distinct hashtext(building_id) & 255 from edf.parse_meter_messages(messages) where building_id is not null;
$$;
comment on function energy.turns_of(text[]) is 'The turns, as in energy.meter_turns, that messages are taken in: those of their buildings.';
revoke all on function energy.turns_of(text[]) from public;

create or replace function energy.await_turns(turns integer[]) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- In one order, so that nobody waits for somebody who waits.
    insert into energy.meter_turns as held (turn)
    select distinct turn from unnest(turns) as turn order by turn
    on conflict (turn) do update set taken = held.taken + 1;
$$;
comment on function energy.await_turns(integer[]) is
    'Waits until no other transaction takes messages in these turns, and keeps others waiting until this one ends. Who takes messages by several calls in one transaction awaits all of its turns first.';
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
    from energy.store_meter_messages(messages, take_or_set_aside.received_at, take_or_set_aside.sender, overrule) as taken;
exception when others then
    get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
    -- The others are not of the data: the same would do later, or to somebody else.
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
            values ('meter', take_or_set_aside.received_at, 'ingest_error', format('%s: %s', state, left(message, 1000)),
                    line, take_or_set_aside.sender)
            on conflict do nothing;
            if found then
                perform energy.note_rejected(
                    take_or_set_aside.sender, take_or_set_aside.received_at, octet_length(line));
            end if;
        end if;
        perform energy.record_job_run(
            'take_meter_messages', (select min(building_id) from edf.parse_meter_messages(messages)), take_or_set_aside.received_at,
            clock_timestamp(), 'failed', 0, state, message, advice);
        readings_taken := 0;
        messages_rejected := 1;
        rejections := jsonb_build_array(jsonb_build_object(
            'index', 0, 'reason_code', 'ingest_error',
            'reason', 'the database cannot store it; the operator sees why'));
    end if;
end;
$$;
comment on function energy.take_or_set_aside(text[], timestamptz, text, boolean) is
$$Stores messages; one that the database refuses goes to raw.rejected_messages (ingest_error) and is a row of energy.job_runs with its SQLSTATE, and the others
are stored. Errors that are not of the data, such as a lock that was not granted, are raised.$$;
revoke all on function energy.take_or_set_aside(text[], timestamptz, text, boolean) from public;

-- It took the buildings that its caller allowed, and all if its caller forgot.
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
    -- Beside blanks, the byte order mark that editors put before the first line.
    blank    constant text := e' \t\r\n' || chr(65279);
    known_at constant timestamptz := coalesce(take_meter_messages.received_at, energy.clock());
    lines    text[] := messages;
begin
    perform energy.check_timescaledb();
    if not isfinite(known_at) then
        raise exception 'received_at is %', known_at using errcode = 'invalid_parameter_value', hint = 'Give the time at which the messages were received.';
    end if;
    if array_lower(messages, 1) <> 1 or array_ndims(messages) <> 1
       or exists (select from unnest(messages) as sent where left(sent, 1) = chr(65279) or btrim(sent, blank) = '' or sent is null) then
        lines := array(select ltrim(sent, chr(65279)) from unnest(messages) with ordinality as sent (sent, at) where btrim(sent, blank) <> '' order by at);
    end if;
    perform energy.await_turns(array(select energy.turns_of(coalesce(lines, '{}'))));
    select taken.readings_taken, taken.messages_rejected, taken.rejections
    into readings_taken, messages_rejected, rejections
    from energy.take_or_set_aside(coalesce(lines, '{}'), known_at, take_meter_messages.sender, overrule) as taken;
    insert into raw.ingestions (received_at, messages, readings_taken, messages_rejected, sender, overruled)
    values (known_at, coalesce(cardinality(lines), 0), readings_taken, messages_rejected, take_meter_messages.sender, overrule);
end;
$$;
comment on function energy.take_meter_messages(text[], timestamptz, text, boolean) is
$$The one path of meter messages, each a line of JSON: judges, rejects, stores, and notes the hours that are due. Blank lines and byte order marks are passed over.

A message is its readings: the same again, whenever it comes, changes nothing; another value of a reading is a correction, kept beside the earlier ones, and
counts from when it was received. What cannot be used goes to raw.rejected_messages with its reason. sender: whose buildings may be written, by
energy.building_access; NULL is the pipeline itself, which may write all. overrule: take them for any building all the same, which is noted. Returns the
readings that were new and the messages that were rejected, in whole or in part; for a sender also the first hundred or
so of these: index from 0 (blank lines not counted), reason_code, reason. Of what one sender has rejected,
quality.max_rejected_mb are kept a day. Errors: 22023 received_at is no time.$$;
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
    from energy.take_meter_messages(array(select message::text from jsonb_array_elements(messages) as message), received_at) as taken;
end;
$$;
comment on function energy.take_meter_messages(jsonb, timestamptz) is
    'Takes an array of meter messages, such as one that a query makes: see energy.take_meter_messages(text[]). Errors: 22023 not an array.';
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
    'Takes JSON Lines as they stand in a file, with LF or CR LF: see energy.take_meter_messages(text[]).';
revoke all on function energy.take_meter_lines(text, timestamptz) from public;

create or replace procedure energy.ingest_meter_messages(messages text[], received_at timestamptz default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.take_meter_messages(messages, received_at);
end;
$$;
comment on procedure energy.ingest_meter_messages(text[], timestamptz) is 'Takes meter messages: see energy.take_meter_messages.';
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
    'Takes an array of meter messages: see energy.take_meter_messages. Errors: 22023 not an array.';
revoke all on procedure energy.ingest_meter_messages(jsonb, timestamptz) from public;
