with

added as (
    select * from {{ source('raw', 'holidays') }}
),

generated as (
    select * from {{ ref('public_holidays') }}
),

holidays as (
    select region, holiday_date, name from added
    union all
    select region, holiday_date, name from generated
    where not exists (
        select from added
        where added.region = generated.region and added.holiday_date = generated.holiday_date
    )
)

select * from holidays
