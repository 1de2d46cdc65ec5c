with

readings as (
    select * from {{ source('raw', 'meter_readings') }}
),

newest as (
    -- The newest correction is used.
    select distinct on (sensor_id, read_at)
        sensor_id,
        read_at,
        value,
        received_at
    from readings
    order by sensor_id, read_at, received_at desc
)

select * from newest
