create or replace procedure energy.replay_rejected(rejected_ids bigint[] default null, fixed_message text default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    open_message record;
    rejected     bigint;
begin
    if fixed_message is not null and coalesce(cardinality(rejected_ids), 0) <> 1 then
        raise exception 'a fixed message replaces one rejected message, not %', coalesce(cardinality(rejected_ids)::text, 'all of them')
            using errcode = 'invalid_parameter_value', hint = 'Give its id: call energy.replay_rejected(array[id], message).';
    end if;
    for open_message in
        select rejected_id, message from raw.rejected_messages
        where source = 'meter' and replayed_at is null and (rejected_ids is null or rejected_id = any (rejected_ids))
        order by rejected_id
        for update
    loop
        select taken.messages_rejected into rejected
        from energy.take_meter_messages(array[coalesce(fixed_message, open_message.message)], null) as taken;
        if rejected = 0 then
            update raw.rejected_messages set replayed_at = energy.clock() where rejected_id = open_message.rejected_id;
        end if;
    end loop;
end;
$$;
comment on procedure energy.replay_rejected(bigint[], text) is
$$Tries rejected meter messages again, by default all that are open: after a building was added, or with one message fixed.

What is taken now gets its replayed_at, and counts as received now; the others stay as they are. Errors: 22023 a fixed message for more than one.$$;
revoke all on procedure energy.replay_rejected(bigint[], text) from public;
