-- The argument has a default so that a body without it gets this function's error, not "function not found".
create or replace function api.ingest_meter_messages(messages json default null) returns json
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    taken record;
begin
    if json_typeof(messages) is distinct from 'array' then
        raise exception 'messages is not a JSON array'
            using errcode = 'invalid_parameter_value', hint = 'Send {"messages": [...]}.';
    end if;
    select * into taken
    from energy.take_meter_messages(
        array(select message::text from json_array_elements(messages) as message), energy.clock(),
        energy.request_subject());
    return json_build_object(
        'messages', json_array_length(messages), 'readings_taken', taken.readings_taken,
        'messages_rejected', taken.messages_rejected,
        'rejected', jsonb_path_query_array(taken.rejections, '$[0 to 99]'));
end;
$$;
comment on function api.ingest_meter_messages(json) is
$$Sends meter messages

For gateways: an array of {timestamp_str, building_id, apartment_id?, readings: [{sensor_type, value, room_name?}]}.
Sending a message twice changes nothing. An invalid message, or one of a building that is not the gateway's, is stored
as rejected; the others are ingested. Returns the counts, and in `rejected` the first hundred rejected messages: their
position (`index`, from 0) and why (`reason_code`, `reason`).$$;
revoke all on function api.ingest_meter_messages(json) from public;
grant execute on function api.ingest_meter_messages(json) to gateway;
