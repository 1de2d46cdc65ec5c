-- What the rules are, with what they go by where the configuration says nothing. Rules of your own stay.
insert into energy.anomaly_rules as known (rule, description, routine, subject, defaults)
values
    ('stuck_valve', 'Heat flows while a room is far above its setpoint.', 'rule_stuck_valve', 'apartment',
     '{"severity": "critical", "hours": 18, "over_c": 2, "min_heating_kwh": 0.1, "settle_hours": 8, "usual_days": 28}'),
    ('no_response', 'Heat flows and a room that is asked to be warmer does not get warmer.', 'rule_no_response', 'apartment',
     '{"severity": "warning", "hours": 8, "under_c": 2, "min_heating_kwh": 0.1, "settle_hours": 4, "min_rise_c": 0.5}'),
    ('no_heat', 'It is cold outside, a room is asked to be warmer, and no heat arrives.', 'rule_no_heat', 'apartment',
     '{"severity": "critical", "hours": 6, "under_c": 2, "max_heating_kwh": 0.02, "settle_hours": 4, "min_rise_c": 0.3, "max_outdoor_c": 12}'),
    ('sensor_mismatch', 'A room temperature is far from those of its neighbours.', 'rule_sensor_mismatch', 'apartment',
     '{"severity": "warning", "hours": 24, "off_c": 5, "explained_c": 3, "min_neighbours": 3, "min_neighbour_c": 14, "max_neighbour_c": 30}'),
    ('silent_sensor', 'A sensor that used to speak says nothing.', 'rule_silent_sensor', 'apartment',
     '{"severity": "info", "hours": 24, "apartment_hours": 48, "min_heard_share": 0.5, "forget_days": 30, "measures": ["room_temperature"]}'),
    ('flat_sensor', 'A room temperature stays the same while the others move.', 'rule_flat_sensor', 'apartment',
     '{"severity": "info", "hours": 48, "flat_c": 0.05, "moved_c": 1, "outdoor_moved_c": 6, "heated_kwh": 1}'),
    ('impossible_value', 'A value that no apartment has.', 'rule_impossible_value', 'apartment',
     '{"severity": "warning", "hours": 1, "min_room_c": 0, "max_room_c": 45, "max_heating_kwh": 30, "max_hot_water_l": 600}'),
    ('hot_water_at_night', 'Hot water flows in every hour of the night.', 'rule_hot_water_at_night', 'apartment',
     '{"severity": "critical", "hours": 8, "min_l": 1}'),
    ('open_window', 'A room fell sharply and is heated against it.', 'rule_open_window', 'apartment',
     '{"severity": "info", "hours": 6, "fall_c": 2, "sharp_c": 1, "max_room_c": 35, "within_hours": 12, "min_heating_kwh": 0.1, "max_outdoor_c": 12}'),
    ('heat_in_summer', 'An apartment is heated on warm days.', 'rule_heat_in_summer', 'apartment',
     '{"severity": "info", "hours": 48, "min_outdoor_c": 18, "min_heating_kwh": 1}'),
    ('cold_building', 'Most apartments of a building are colder than they ask for.', 'rule_cold_building', 'building',
     '{"severity": "critical", "hours": 6, "under_c": 2, "min_share": 0.6, "min_apartments": 3, "max_outdoor_c": 12}')
on conflict (rule) do update set
    description = excluded.description, routine = excluded.routine, subject = excluded.subject,
        defaults = excluded.defaults
where (known.description, known.routine, known.subject, known.defaults)
    is distinct from (excluded.description, excluded.routine, excluded.subject, excluded.defaults);
