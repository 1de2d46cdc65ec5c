create or replace function energy.model_of_building(building_id text, is_archetype boolean, out subject text, out model_id bigint, out archetype text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    building raw.buildings;
    zone     text;
begin
    select * into building from raw.buildings where buildings.building_id = model_of_building.building_id;
    if not found then
        raise exception 'there is no building "%"', model_of_building.building_id
            using errcode = 'undefined_object', hint = 'select building_id from raw.buildings lists them.';
    end if;
    if not is_archetype then
        subject := building.building_id;
        select models.model_id into model_id from edf.models where models.subject = model_of_building.subject and status = 'approved';
        if not found then
            raise exception 'building "%" has no approved model', building.building_id
                using errcode = 'undefined_object',
                      hint = format('Approve one that is pending, subject %L in edf.models: select edf.approve_model(model_id).', subject);
        end if;
        return;
    end if;
    archetype := building.archetype;
    subject := energy.archetype_subject(archetype);
    select models.model_id, models.features ->> 'time_zone' into model_id, zone
    from edf.models where models.subject = model_of_building.subject and status = 'approved';
    if not found then
        raise exception 'neither building "%" nor its archetype "%" has an approved model', building.building_id, archetype
            using errcode = 'undefined_object',
                  hint = format('Approve one that is pending, subject %L or %L in edf.models: select * from energy.approve_models(reason, subjects). '
                                'Where there is none, select energy.train_archetype(%3$L), or energy.train_model(%1$L) once it has weeks of readings.',
                                building.building_id, subject, archetype);
    end if;
    if zone <> building.time_zone then
        raise exception 'building "%" is in time zone %, the model of its archetype "%" goes by %', building.building_id, building.time_zone, archetype, zone
            using errcode = 'invalid_parameter_value', hint = 'Give the building an archetype of its own time zone in raw.buildings.';
    end if;
    if not exists (select from raw.apartments where apartments.building_id = building.building_id) then
        raise exception 'building "%" has no apartments, whose number tells the model of its archetype how large it is', building.building_id
            using errcode = 'data_exception', hint = 'Enter them in raw.apartments.';
    end if;
end;
$$;
comment on function energy.model_of_building(text, boolean) is
$$The approved model of a building, or that of its archetype, which is then named; and its subject in edf.models.

Errors: 42704 no such building, or it has none; of an archetype's, 22023 it goes by another time zone, 22000 the building has no apartments.$$;
revoke all on function energy.model_of_building(text, boolean) from public;

create or replace function energy.model_of_building(building_id text, out subject text, out model_id bigint, out archetype text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select served.*
    from energy.model_of_building(
        building_id, not exists (select from edf.models where models.subject = building_id and status = 'approved')) as served
$$;
comment on function energy.model_of_building(text) is
$$The approved model that forecasts a building, and its subject in edf.models: the building's own, or that of its archetype, which is then named.

Errors: as with is_archetype; where neither has one 42704.$$;
revoke all on function energy.model_of_building(text) from public;
