create or replace procedure energy.ingest_meter_messages(messages text[], received_at timestamptz default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    known_at constant timestamptz := coalesce(ingest_meter_messages.received_at, energy.clock());
begin
    with judged as materialized (
        select at, message, parsed.building_id, coalesce(parsed.apartment_id, '') as apartment_id, sensor_type,
            coalesce(room_name, '') as room_name, read_at, value,
            case
                when parsed.reason_code is not null then parsed.reason_code
                when buildings.building_id is null then 'unknown_building'
                when parsed.apartment_id is not null and apartments.apartment_id is null then 'unknown_apartment'
                when read_at > known_at + interval '1 day' then 'far_future'
            end as reason_code,
            case
                when parsed.reason_code is not null then parsed.reason
                when buildings.building_id is null then format('building %s is not in raw.buildings', left(parsed.building_id, 80))
                when parsed.apartment_id is not null and apartments.apartment_id is null
                    then format('apartment %s is not in raw.apartments', left(parsed.apartment_id, 80))
                when read_at > known_at + interval '1 day' then format('read at %s, more than a day after it was received', read_at)
            end as reason
        from unnest(messages) with ordinality as lines (message, at)
        cross join lateral edf.parse_meter_message(message) as parsed
        left join raw.buildings on buildings.building_id = parsed.building_id
        left join raw.apartments on apartments.building_id = parsed.building_id and apartments.apartment_id = parsed.apartment_id
    ),

    rejected as (
        insert into raw.rejected_messages (source, received_at, reason_code, reason, message)
        select distinct 'meter', known_at, reason_code, reason, message
        from judged where reason_code is not null
    )

    insert into raw.meter_readings as readings (building_id, apartment_id, sensor_type, room_name, read_at, value, received_at)
    select distinct on (building_id, apartment_id, sensor_type, room_name, read_at)
        building_id, apartment_id, sensor_type, room_name, read_at, value, known_at
    from judged as new
    where reason_code is null
      and new.value is distinct from (
          select value from raw.meter_readings as old
          where (old.building_id, old.apartment_id, old.sensor_type, old.room_name, old.read_at)
              = (new.building_id, new.apartment_id, new.sensor_type, new.room_name, new.read_at)
          order by old.received_at desc limit 1
      )
    order by building_id, apartment_id, sensor_type, room_name, read_at, at desc
    on conflict (building_id, apartment_id, sensor_type, room_name, read_at, received_at) do update set value = excluded.value;
end;
$$;
comment on procedure energy.ingest_meter_messages(text[], timestamptz) is
$$Takes meter messages, each a line of JSON.

The same message twice changes nothing; another value for the same reading is a correction, kept beside the earlier one. What cannot be
used goes to raw.rejected_messages with its reason.$$;
revoke all on procedure energy.ingest_meter_messages(text[], timestamptz) from public;

create or replace procedure energy.ingest_meter_messages(messages jsonb, received_at timestamptz default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(messages) is distinct from 'array' then
        raise exception 'messages is not a JSON array'
            using errcode = 'invalid_parameter_value', hint = 'Wrap a single message in [ ].';
    end if;
    call energy.ingest_meter_messages(
        array(select message::text from jsonb_array_elements(messages) as message), received_at);
end;
$$;
comment on procedure energy.ingest_meter_messages(jsonb, timestamptz) is
    'Takes an array of meter messages, as ingest_meter_messages(text[]) does. Errors: 22023 not an array.';
revoke all on procedure energy.ingest_meter_messages(jsonb, timestamptz) from public;
