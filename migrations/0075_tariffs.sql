-- What electricity costs a building, by the hour, and how much CO2 it causes.
set local role edf_owner;

create table raw.tariffs (
    tariff_id             text primary key check (tariff_id <> ''),
    name                  text not null check (name <> ''),
    kind                  text not null check (kind in ('flat', 'two_rate', 'hourly')),
    currency              text not null,
    price_per_kwh         double precision,
    low_price_per_kwh     double precision,
    low_from              time,
    low_to                time,
    low_on_weekends       boolean not null default false,
    feed_in_price_per_kwh double precision not null default 0,
    constraint tariffs_currency_is_a_code_of_three_capitals check (currency ~ '^[A-Z]{3}$'),
    constraint tariffs_have_a_price_unless_hourly check ((price_per_kwh is null) = (kind = 'hourly')),
    constraint tariffs_have_a_low_rate_if_two_rate check (
        num_nonnulls(low_price_per_kwh, low_from, low_to) = case kind when 'two_rate' then 3 else 0 end
        and (kind = 'two_rate' or not low_on_weekends)),
    constraint tariffs_low_hours_begin_and_end_apart check (low_from <> low_to),
    constraint tariffs_prices_are_within_a_million check (
        abs(price_per_kwh) <= 1e6 and abs(low_price_per_kwh) <= 1e6 and abs(feed_in_price_per_kwh) <= 1e6)
);
comment on table raw.tariffs is 'What a kWh from the grid costs.';
comment on column raw.tariffs.kind is
$$flat: always price_per_kwh. two_rate: low_price_per_kwh in the low hours, else price_per_kwh. hourly: by the rows of
raw.tariff_prices.$$;
comment on column raw.tariffs.currency is 'Of all of its prices, by ISO 4217, such as CHF.';
comment on column raw.tariffs.price_per_kwh is 'With all charges that come with a kWh; of two_rate the high rate.';
comment on column raw.tariffs.low_from is
    'Local time at which the low hours begin; after low_to they go over midnight. An hour has the rate of its start.';
comment on column raw.tariffs.low_to is 'Local time at which they end.';
comment on column raw.tariffs.low_on_weekends is 'Saturdays and Sundays are low throughout.';
comment on column raw.tariffs.feed_in_price_per_kwh is 'What is paid for a kWh of generation that goes to the grid.';

create table raw.tariff_prices (
    tariff_id     text not null references raw.tariffs,
    valid_at      timestamptz not null,
    received_at   timestamptz not null default now(),
    price_per_kwh double precision not null,
    primary key (tariff_id, valid_at, received_at),
    constraint tariff_prices_valid_at_is_a_full_hour check (mod(extract(epoch from valid_at), 3600) = 0),
    constraint tariff_prices_are_within_a_million check (price_per_kwh between -1e6 and 1e6)
);
comment on table raw.tariff_prices is
    'Prices by the hour of tariffs of kind hourly. A newer row of the same hour is a correction.';
comment on column raw.tariff_prices.valid_at is 'Start of the hour, a full hour of UTC.';
comment on column raw.tariff_prices.received_at is 'When this database first knew it.';

create table raw.building_tariffs (
    building_id text not null references raw.buildings,
    tariff_id   text not null references raw.tariffs,
    valid_from  timestamptz not null default '-infinity',
    primary key (building_id, valid_from)
);
comment on table raw.building_tariffs is 'Which tariff a building has, from when on.';

create table raw.carbon_intensity (
    region      text not null check (region <> ''),
    valid_at    timestamptz not null,
    received_at timestamptz not null default now(),
    g_per_kwh   double precision not null,
    primary key (region, valid_at, received_at),
    constraint carbon_intensity_valid_at_is_a_full_hour check (mod(extract(epoch from valid_at), 3600) = 0),
    constraint carbon_intensity_is_from_0_to_10000 check (g_per_kwh between 0 and 10000)
);
comment on table raw.carbon_intensity is
$$Grams of CO2 equivalent that a kWh from the grid causes, by region and hour, measured or forecast. A newer row of the
same hour is a correction.$$;
comment on column raw.carbon_intensity.region is 'As in raw.buildings.';
comment on column raw.carbon_intensity.valid_at is 'Start of the hour, a full hour of UTC.';
comment on column raw.carbon_intensity.received_at is 'When this database first knew it.';

reset role;
