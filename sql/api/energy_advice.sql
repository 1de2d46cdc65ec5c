create or replace function api.energy_advice(
    inout building_id text default null, energy_kwh double precision default null,
    duration_hours double precision default null, deadline text default null,
    out start_at timestamptz, out end_at timestamptz, out start_local timestamp, out advice text, out decided_by text,
    out solar_share double precision, out cost double precision, out currency text, out co2_g double precision,
    out now_solar_share double precision, out now_cost double precision, out now_co2_g double precision,
    out saving double precision, out certainty double precision, out certainty_method text
) returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select building_id, start_at, end_at, start_local, advice, decided_by, solar_share, cost, currency, co2_g,
        now_solar_share, now_cost, now_co2_g, saving, certainty, certainty_method
    from energy.advise(
        energy.request_building($1), array[energy_advice.energy_kwh], array[energy_advice.duration_hours],
        energy_advice.deadline)
$$;
comment on function api.energy_advice(text, double precision, double precision, text) is
$$The best time to run an appliance

One row: when to start a run of `energy_kwh` that takes `duration_hours` (0.25 to 24) and ends by `deadline`: `18:00`,
the next occurrence in the building's local time, or `2026-03-28T18:00`; at most 48 hours ahead, by default 24 hours
from now. Starts now and at each full hour are compared by cost, else by solar share, else by CO2 (`decided_by`);
`advice` describes the result as text. `solar_share` (0 to 1), `cost` in `currency` and `co2_g` are the expected values
of the best start, `now_...` those of a start now. `certainty`: the probability that the best start is at least as good
as a start now or, if the best is now, as any later one. null: not known.

Example: `GET /rpc/energy_advice?building_id=all-homes&energy_kwh=1.2&duration_hours=2&deadline=18:00`$$;
revoke all on function api.energy_advice(text, double precision, double precision, text) from public;
grant execute on function api.energy_advice(text, double precision, double precision, text) to resident;
