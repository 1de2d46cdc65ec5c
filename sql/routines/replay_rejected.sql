create or replace procedure energy.replay_rejected(rejected_ids bigint[] default null, fixed_message text default null)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    open_message record;
    text_to_take text;
    is_taken     boolean;
begin
    if fixed_message is not null and coalesce(cardinality(rejected_ids), 0) <> 1 then
        raise exception 'a fixed message replaces one rejected message, not %', coalesce(cardinality(rejected_ids)::text, 'all of them')
            using errcode = 'invalid_parameter_value', hint = 'Give its id: call energy.replay_rejected(array[id], message).';
    end if;
    for open_message in
        select * from raw.rejected_messages
        where replayed_at is null and (rejected_ids is null or rejected_id = any (rejected_ids))
          -- Weather that was rejected before its place was noted.
          and (source = 'meter' or weather_location_id is not null)
        order by rejected_id
        for update
    loop
        text_to_take := coalesce(fixed_message, open_message.message);
        if open_message.source = 'meter' then
            select taken.messages_rejected = 0 into is_taken from energy.take_meter_messages(array[text_to_take], null) as taken;
        else
            select taken.rejected_code is null into is_taken
            from energy.take_weather_document(text_to_take, open_message.weather_location_id, open_message.issued_at, null) as taken;
        end if;
        if is_taken then
            update raw.rejected_messages
            set replayed_at = energy.clock(), replayed_by = session_user, fixed_message = replay_rejected.fixed_message
            where rejected_id = open_message.rejected_id;
        end if;
    end loop;
end;
$$;
comment on procedure energy.replay_rejected(bigint[], text) is
$$Tries rejected messages and weather documents again, by default all that are open: after a building was added, or with one fixed.

What is taken now gets its replayed_at, and counts as received now; the others stay as they are. Errors: 22023 a fixed message for more than one.$$;
revoke all on procedure energy.replay_rejected(bigint[], text) from public;
