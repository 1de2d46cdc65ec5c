{# Distances to holidays are capped at two weeks. #}
{% set far_days = 14 %}
with

-- Read twice, but only for the requested region.
holidays as not materialized (
    select * from {{ ref('int_public_holidays') }}
),

school_holidays as (
    select region, first_date, last_date from {{ ref('published_school_holidays') }}
    union all
    select region, first_date, last_date from {{ source('raw', 'school_holidays') }}
),

events as (
    select * from {{ source('raw', 'calendar_events') }}
    where region is not null
),

regions as (
    select region from {{ source('raw', 'buildings') }}
    union
    select region from holidays
),

-- Spells from a holiday to the next one; the row without a holiday covers the days before the first.
spells as (
    select
        region,
        holiday_date,
        name,
        lead(holiday_date) over (partition by region order by holiday_date nulls first) as next_holiday_date
    from (
        select region, holiday_date, name from holidays
        union all
        select region, null, null from regions
    ) as borders
),

-- greatest() and least() ignore NULL: open spells are bounded by the calendar.
days as (
    select
        spells.*,
        greatest(holiday_date, '{{ var("calendar_first_date") }}') + n as local_date
    from spells
    cross join lateral generate_series(
        0,
        least(next_holiday_date - 1, '{{ var("calendar_last_date") }}')
        - greatest(holiday_date, '{{ var("calendar_first_date") }}')
    ) as n
),

school_days as (
    select distinct region, first_date + n as local_date
    from school_holidays
    cross join lateral generate_series(0, last_date - first_date) as n
),

event_days as (
    select distinct region, first_date + n as local_date
    from events
    cross join lateral generate_series(0, last_date - first_date) as n
),

marked as (
    select
        days.*,
        local_date is not distinct from holiday_date as is_holiday,
        local_date - holiday_date as days_since,
        next_holiday_date - local_date as days_until,
        date_part('isodow', local_date) as weekday,
        date_part('month', local_date) as month_of_year,
        date_part('day', local_date) as day_of_month
    from days
),

calendar as (
    select
        region,
        local_date,
        case when is_holiday then name end as holiday_name,
        is_holiday,
        case when is_holiday then 0 else least(days_until, {{ far_days }}) end as days_until_next_holiday,
        least(days_since, {{ far_days }}) as days_since_last_holiday,
        not is_holiday and days_until is not distinct from 1 as is_day_before_holiday,
        not is_holiday and days_since is not distinct from 1 as is_day_after_holiday,
        not is_holiday
            and weekday <= 5
            and (weekday = 1 or days_since is not distinct from 1)
            and (weekday = 5 or days_until is not distinct from 1) as is_bridge_day,
        school_days.local_date is not null as is_school_holiday,
        (month_of_year, day_of_month) >= (12, 24) or (month_of_year, day_of_month) = (1, 1) as is_christmas_period,
        event_days.local_date is not null as is_event
    from marked
    left join school_days using (region, local_date)
    left join event_days using (region, local_date)
)

select * from calendar
