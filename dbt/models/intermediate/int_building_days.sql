with

buildings as (
    select * from {{ source('raw', 'buildings') }}
),

events as (
    select * from {{ source('raw', 'calendar_events') }}
    where building_id is not null
),

event_days as (
    select distinct building_id, first_date + n as local_date
    from events
    cross join lateral generate_series(0, last_date - first_date) as n
),

region_days as (
    select buildings.building_id, calendar.*
    from buildings
    cross join lateral (
        select * from {{ ref('int_calendar_days') }} as of_region
        where of_region.region = buildings.region
        -- Keeps the region inside, so that the calendar of no other region is made.
        offset 0
    ) as calendar
),

days as (
    select
        building_id,
        local_date,
        holiday_name,
        is_holiday,
        days_until_next_holiday,
        days_since_last_holiday,
        is_day_before_holiday,
        is_day_after_holiday,
        is_bridge_day,
        is_school_holiday,
        is_christmas_period,
        is_event or event_days.local_date is not null as is_event
    from region_days
    left join event_days using (building_id, local_date)
)

select * from days
