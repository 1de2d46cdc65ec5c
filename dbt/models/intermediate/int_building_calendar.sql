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
        -- DISTINCT pushes the filter down, so that only the calendar of the requested region is computed.
        select distinct on (local_date) * from {{ ref('int_calendar_days') }} as of_region
        where of_region.region = buildings.region
        order by local_date
    ) as calendar
),

days as (
    select
        building_id,
        local_date,
        {% for column in calendar_columns() if column != 'is_event' %}
        {{ column }},
        {% endfor %}
        is_event or event_days.local_date is not null as is_event
    from region_days
    left join event_days using (building_id, local_date)
)

-- Declares the grain to the planner: queries without calendar columns can omit this join.
select distinct on (building_id, local_date) * from days
order by building_id, local_date
