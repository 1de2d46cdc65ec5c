-- Slots are shared out by locks on their rows, which end with the transaction: a session that is killed leaves its
-- batch to the next.
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
    -- Each session goes through the places in an order of its own, so that two seldom read the same one.
    order by 4, hashtextextended(place, pg_backend_pid()), 5, 6
$$;
comment on function energy.due_places(timestamptz, timestamptz) is
$$Where forecasts are due: a row for each slot and place, the oldest slot first, with one of the buildings. issued_at:
of that slot alone. tried_before: what was tried since then waits for the next run; -infinity: what was never tried.$$;
revoke all on function energy.due_places(timestamptz, timestamptz) from public;

create or replace function energy.claim_slots(
    place text, slot_at timestamptz, horizon interval, is_revision boolean, tried_before timestamptz
) returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    usual constant interval := energy.current_config() #>> '{inference,horizon}';
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
$$Takes slots of a row of energy.due_places for this transaction, which no other session has: up to 40 buildings. Empty:
there are none, or others have them.$$;
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
    -- One at a time: who holds none while it waits cannot deadlock.
    perform from energy.forecast_slots as slots
    where slots.building_id = due.building_id and slots.slot_at = due.slot_at and status <> 'issued'
    for update;
    return true;
end;
$$;
comment on function energy.await_slot(timestamptz, timestamptz) is
$$Waits for a session that has claimed a slot which is due to end its batch. False: none is due. What a killed session
had is free afterwards.$$;
revoke all on function energy.await_slot(timestamptz, timestamptz) from public;
