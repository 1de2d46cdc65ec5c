-- Slots are claimed by row locks, which end with the transaction: a killed session leaves its batch to the next one.
drop function if exists energy.due_batch(timestamptz, timestamptz);

create or replace function energy.due_places(issued_at timestamptz, tried_before timestamptz)
returns table (
    place text, weather_location_id text, time_zone text, slot_at timestamptz, horizon interval, is_revision boolean,
    building_id text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with config as materialized (
        select (energy.current_config() #>> '{inference,horizon}')::interval as usual,
            coalesce(issued_at, energy.clock() - energy.inference_span('catch_up')) as oldest,
            coalesce(issued_at, energy.clock()) as newest
    )

    select place, weather_location_id, time_zone, slots.slot_at, coalesce(slots.horizon, usual), revision > 0,
        min(building_id)
    from config
    join energy.forecast_slots as slots on slots.slot_at between oldest and newest
    join energy.building_places using (building_id)
    where status <> 'issued' and (tried_at < tried_before) is not false
    group by 1, 2, 3, 4, 5, 6
    -- Each session visits the places in its own order, so that sessions rarely read the same place.
    order by 4, hashtextextended(place, pg_backend_pid()), 5, 6
$$;
comment on function energy.due_places(timestamptz, timestamptz) is
$$Places with due forecasts: one row per slot and place, the oldest slot first, with one of the buildings. issued_at:
only that slot. tried_before: slots tried since then wait for the next run; -infinity: only slots never tried.$$;
revoke all on function energy.due_places(timestamptz, timestamptz) from public;

create or replace function energy.claim_slots(
    place text, slot_at timestamptz, horizon interval, is_revision boolean, tried_before timestamptz
) returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    usual constant interval := (energy.current_config() #>> '{inference,horizon}')::interval;
begin
    return array(
        select building_id
        from energy.forecast_slots as slots
        join energy.building_places as places using (building_id)
        where slots.slot_at = claim_slots.slot_at and places.place = claim_slots.place
          and coalesce(slots.horizon, usual) = claim_slots.horizon and (revision > 0) = claim_slots.is_revision
          and status <> 'issued' and (tried_at < tried_before) is not false
        order by building_id
        limit 40
        for update of slots skip locked);
end;
$$;
comment on function energy.claim_slots(text, timestamptz, interval, boolean, timestamptz) is
$$Claims slots of a row of energy.due_places for this transaction, skipping those claimed by other sessions: up to 40
buildings. Empty: there are none left.$$;
revoke all on function energy.claim_slots(text, timestamptz, interval, boolean, timestamptz) from public;

create or replace function energy.await_slot(issued_at timestamptz, tried_before timestamptz) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    due record;
begin
    select * into due from energy.due_places(await_slot.issued_at, tried_before) limit 1;
    if not found then
        return false;
    end if;
    -- One slot at a time, while holding no other: it cannot deadlock.
    perform from energy.forecast_slots as slots
    where slots.building_id = due.building_id and slots.slot_at = due.slot_at and status <> 'issued'
    for update;
    return true;
end;
$$;
comment on function energy.await_slot(timestamptz, timestamptz) is
$$Waits for the session that has claimed a due slot to end its batch. False: none is due. Slots of a killed session are
free afterwards.$$;
revoke all on function energy.await_slot(timestamptz, timestamptz) from public;
