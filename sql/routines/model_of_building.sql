create or replace function energy.model_known_at(model_id bigint, known_at timestamptz) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when approved.training_end <= known_at then approved.model_id else coalesce(
        (
            select former.model_id from edf.models as former
            where former.subject = approved.subject and status = 'retired' and artifact <> ''
              and training_end <= known_at
            order by decided_at desc limit 1
        ), approved.model_id) end
    from edf.models as approved where approved.model_id = model_known_at.model_id
$$;
comment on function energy.model_known_at(bigint, timestamptz) is
$$The model that could have made a forecast at a time: the approved one or, if it was trained on later data, the newest
retired one of its subject that was not, so that a forecast made late uses no more data than one made on time. If there
is none, the approved one.$$;
revoke all on function energy.model_known_at(bigint, timestamptz) from public;

create or replace function energy.challenger_of(champion_id bigint, building_id text) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select challenges.model_id
    from energy.challenges
    join edf.models using (model_id)
    where challenges.champion_id = challenger_of.champion_id and state = 'running' and status = 'pending'
      and (hashtextextended(building_id, challenge_id) & 2147483647) / 2147483648.0 < share
    order by challenge_id
    limit 1
$$;
comment on function energy.challenger_of(bigint, text) is
$$The challenger that serves a building instead of its archetype's champion: see energy.serve_share. The buildings
are drawn per challenge and stay the same. NULL: none.$$;
revoke all on function energy.challenger_of(bigint, text) from public;

drop function if exists energy.model_of_building(text, boolean);

create or replace function energy.model_of_building(
    building_id text, is_archetype boolean, known_at timestamptz default 'infinity', out subject text,
    out model_id bigint, out archetype text
)
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
        select models.model_id into model_id from edf.models
        where models.subject = model_of_building.subject and status = 'approved';
        if not found then
            raise exception 'building "%" has no approved model', building.building_id
                using errcode = 'undefined_object',
                      hint = format('Approve one that is pending, subject %L in edf.models: select '
                                    'edf.approve_model(model_id).', subject);
        end if;
        model_id := energy.model_known_at(model_id, known_at);
        return;
    end if;
    archetype := building.archetype;
    subject := energy.archetype_subject(archetype);
    select models.model_id, models.features ->> 'time_zone' into model_id, zone
    from edf.models where models.subject = model_of_building.subject and status = 'approved';
    if not found then
        raise exception 'neither building "%" nor its archetype "%" has an approved model', building.building_id,
            archetype
            using errcode = 'undefined_object',
                  hint = format('Approve one that is pending, subject %L or %L in edf.models: select * from '
                                'energy.approve_models(reason, subjects). '
                                'Where there is none, select energy.train_archetype(%3$L), or energy.train_model(%1$L) '
                                'once it has weeks of readings.',
                                building.building_id, subject, archetype);
    end if;
    if zone <> building.time_zone then
        raise exception 'building "%" is in time zone %, but the model of its archetype "%" uses %',
            building.building_id, building.time_zone, archetype, zone
            using errcode = 'invalid_parameter_value',
                  hint = 'Give the building an archetype of its own time zone in raw.buildings.';
    end if;
    if not exists (select from raw.apartments where apartments.building_id = building.building_id) then
        raise exception 'building "%" has no apartments, whose number the model of its archetype needs',
            building.building_id
            using errcode = 'data_exception', hint = 'Add them to raw.apartments.';
    end if;
    model_id := coalesce(energy.challenger_of(model_id, building_id), energy.model_known_at(model_id, known_at));
end;
$$;
comment on function energy.model_of_building(text, boolean, timestamptz) is
$$The approved model of a building, or of its archetype, which is then returned too; and its subject in edf.models. It
is replaced by the one trained only on data known at known_at (energy.model_known_at) and, for an archetype, by a
challenger that serves the building (energy.challenger_of).

Errors: 42704 no such building, or it has none; for an archetype's model 22023 it uses another time zone, 22000 the
building has no apartments.$$;
revoke all on function energy.model_of_building(text, boolean, timestamptz) from public;

create or replace function energy.model_of_building(building_id text, out subject text, out model_id bigint,
    out archetype text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select served.*
    from energy.model_of_building(
        building_id, not exists (select from edf.models
            where models.subject = building_id and status = 'approved')) as served
$$;
comment on function energy.model_of_building(text) is
$$The approved model that forecasts a building, and its subject in edf.models: the building's own, or that of its
archetype, which is then returned too.

Errors: as with is_archetype; 42704 if neither has one.$$;
revoke all on function energy.model_of_building(text) from public;
