with

readings as (
    select * from {{ source('raw', 'meter_readings') }}
),

newest as (
    -- The correction that came last counts.
    select distinct on (building_id, apartment_id, sensor_type, room_name, read_at)
        building_id,
        nullif(apartment_id, '') as apartment_id,
        sensor_type,
        nullif(room_name, '') as room_name,
        read_at,
        value,
        received_at
    from readings
    order by building_id, apartment_id, sensor_type, room_name, read_at, received_at desc
)

select * from newest
