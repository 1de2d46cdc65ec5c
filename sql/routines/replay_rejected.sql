create or replace function energy.take_rejected(
    rejected_ids bigint[] default null, fixed_message text default null, overrule boolean default false,
    out taken bigint, out still_rejected bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    open_ids     bigint[];
    open_message record;
    text_to_take text;
    is_taken     boolean;
begin
    if fixed_message is not null and coalesce(cardinality(rejected_ids), 0) <> 1 then
        raise exception 'a fixed message replaces one rejected message, not %',
            coalesce(cardinality(rejected_ids)::text, 'all of them')
            using errcode = 'invalid_parameter_value',
                  hint = 'Give its id: call energy.replay_rejected(array[id], message).';
    end if;
    -- Only roles that could have sent the messages as the pipeline.
    if overrule and not has_function_privilege(edf.acting_role(),
        'energy.take_meter_messages(text[], timestamptz, text, boolean)', 'execute') then
        raise exception 'role % may not overrule whose buildings a sender may write', edf.acting_role()
            using errcode = 'insufficient_privilege',
                  hint = 'Ask role pipeline, or grant the building to the sender in energy.building_access and replay '
                         'without overrule.';
    end if;
    taken := 0;
    still_rejected := 0;
    select array_agg(rejected_id) into open_ids
    from raw.rejected_messages
    where replayed_at is null and (rejected_ids is null or rejected_id = any (rejected_ids))
      -- Weather rejected before its place was recorded.
      and (source = 'meter' or weather_location_id is not null);
    perform energy.await_turns(array(
        select energy.turns_of(array[coalesce(take_rejected.fixed_message, rejected.message)])
        from raw.rejected_messages as rejected where source = 'meter' and rejected_id = any (open_ids)));
    for open_message in
        select * from raw.rejected_messages
        where replayed_at is null and rejected_id = any (open_ids)
        order by rejected_id
        for update
    loop
        text_to_take := coalesce(take_rejected.fixed_message, open_message.message);
        if open_message.source = 'meter' then
            select sent.messages_rejected = 0 into is_taken
            from energy.take_meter_messages(array[text_to_take], null, open_message.sender, overrule) as sent;
        else
            select document.rejected_code is null into is_taken
            from energy.take_weather_document(text_to_take, open_message.weather_location_id, open_message.issued_at,
                null) as document;
        end if;
        if is_taken then
            update raw.rejected_messages
            set replayed_at = energy.clock(), replayed_by = session_user, fixed_message = take_rejected.fixed_message,
                overruled = overrule and source = 'meter' and sender is not null
            where rejected_id = open_message.rejected_id;
            taken := taken + 1;
        else
            still_rejected := still_rejected + 1;
        end if;
    end loop;
end;
$$;
comment on function energy.take_rejected(bigint[], text, boolean) is
$$Retries rejected messages and weather documents, by default all open ones: after a building was added, or with one
corrected.

A message is checked with the rights of its sender, also with a corrected text: a gateway's message is accepted for the
buildings that energy.building_access now grants to the gateway. overrule: accept any building; requires the right to
send as the pipeline, and is recorded in column overruled. Accepted messages get their replayed_at and count as received
now; the others are unchanged. Returns the number of accepted messages. Errors: 22023 a corrected message for more than
one; 42501 overrule without that right.$$;
revoke all on function energy.take_rejected(bigint[], text, boolean) from public;

-- Earlier versions accepted any building, regardless of the sender.
drop procedure if exists energy.replay_rejected(bigint[], text);

create or replace procedure energy.replay_rejected(rejected_ids bigint[] default null, fixed_message text default null,
    overrule boolean default false)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.take_rejected(rejected_ids, fixed_message, overrule);
end;
$$;
comment on procedure energy.replay_rejected(bigint[], text, boolean) is
    'Retries rejected messages and weather documents: see energy.take_rejected.';
revoke all on procedure energy.replay_rejected(bigint[], text, boolean) from public;
