-- Several sessions issue forecasts: what one has read of a place says for which slot and place that was.
set local role edf_owner;

alter type energy.place_inputs add attribute place text, add attribute slot_at timestamptz,
    add attribute horizon interval, add attribute is_revision boolean;
comment on column energy.place_inputs.place is 'Of energy.building_places.';

-- The slots of the last days: a run counts what all sessions have issued since it began.
create index forecast_slots_by_time on energy.forecast_slots (slot_at);

reset role;
