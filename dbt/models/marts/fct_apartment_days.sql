with

apartment_features as (
    select * from {{ source('energy', 'apartment_features') }}
)

select * from apartment_features
