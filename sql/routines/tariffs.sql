create or replace function energy.grid_hours(building_id text, from_at timestamptz, to_at timestamptz)
returns table (
    valid_at timestamptz, currency text, price_per_kwh double precision, feed_in_price_per_kwh double precision,
    co2_g_per_kwh double precision
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select hours.valid_at, terms.currency,
        case terms.kind
            when 'hourly' then hourly.price_per_kwh
            when 'two_rate' then case
                when terms.low_on_weekends and extract(isodow from local_at) > 5 then terms.low_price_per_kwh
                -- Low-rate hours across midnight are those outside of low_to to low_from.
                when case when terms.low_from < terms.low_to
                     then local_at::time >= terms.low_from and local_at::time < terms.low_to
                     else local_at::time >= terms.low_from or local_at::time < terms.low_to end
                    then terms.low_price_per_kwh
                else terms.price_per_kwh end
            else terms.price_per_kwh
        end,
        terms.feed_in_price_per_kwh, carbon.g_per_kwh
    from raw.buildings
    cross join generate_series(from_at, to_at - interval '1 hour', interval '1 hour') as hours (valid_at)
    cross join lateral (select hours.valid_at at time zone time_zone as local_at) as clock
    left join lateral (
        select tariffs.* from raw.building_tariffs as chosen join raw.tariffs using (tariff_id)
        where chosen.building_id = buildings.building_id and valid_from <= hours.valid_at
        order by valid_from desc limit 1
    ) as terms on true
    left join lateral (
        select prices.price_per_kwh from raw.tariff_prices as prices
        where prices.tariff_id = terms.tariff_id and prices.valid_at = hours.valid_at
          and received_at <= energy.clock()
        order by received_at desc limit 1
    ) as hourly on true
    left join lateral (
        select g_per_kwh from raw.carbon_intensity as intensity
        where intensity.region = buildings.region and intensity.valid_at = hours.valid_at
          and received_at <= energy.clock()
        order by received_at desc limit 1
    ) as carbon on true
    where buildings.building_id = grid_hours.building_id
$$;
comment on function energy.grid_hours(text, timestamptz, timestamptz) is
$$Price of a kWh from the grid and feed-in price, in the currency of the tariff, and CO2 intensity in g per kWh of a
building: one row per hour, from from_at up to to_at, as known now. NULL: not known, or no tariff. The rate of an hour
is that at its start in the building's local time.$$;
revoke all on function energy.grid_hours(text, timestamptz, timestamptz) from public;
