with

readings as (
    select * from {{ ref('stg_raw__meter_readings') }}
    where sensor_type in ('electricity_kwh_total', 'solar_kwh_total')
),

registers as (
    select
        building_id,
        apartment_id,
        sensor_type,
        read_at as hour_at,
        lead(read_at) over register as next_read_at,
        lead(value) over register - value as energy_kwh,
        greatest(received_at, lead(received_at) over register) as received_at
    from readings
    window register as (partition by building_id, apartment_id, sensor_type, room_name order by read_at)
),

hours as (
    select
        building_id,
        apartment_id,
        sensor_type,
        hour_at,
        -- A register that runs backwards says nothing about the hour.
        case when energy_kwh >= 0 then energy_kwh end as energy_kwh,
        received_at
    from registers
    where hour_at = date_trunc('hour', hour_at, 'UTC') and next_read_at = hour_at + interval '1 hour'
)

select * from hours
