-- Restores of dumps: tables are filled in any order, and with ids of another database.
--
-- A foreign key of an extension exists before the rows, so that a parallel restore (pg_restore -j) may fail at random.
-- Only the registry's functions write child rows, together with their parents; deleting a parent deletes its children,
-- except the events of models.

create function edf.delete_children() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'TRUNCATE' then
        execute format('truncate edf.%I', tg_argv[0]);
    else
        execute format('delete from edf.%I as child using gone where child.%I = gone.%2$I', tg_argv[0], tg_argv[1]);
    end if;
    return null;
end;
$$;
comment on function edf.delete_children() is
$$Deletes the rows of a child table when those that they belong to are deleted; the table and the common column are
the trigger's arguments.$$;
revoke all on function edf.delete_children() from public;

create function edf.keep_ids_ahead() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    sequence constant regclass := pg_get_serial_sequence(format('%I.%I', tg_table_schema, tg_table_name), tg_argv[0]);
    highest  bigint;
    counted  bigint;
begin
    execute format('select max(%I) from added', tg_argv[0]) into highest;
    -- last_value of a new sequence has not been used yet.
    execute format('select last_value - (not is_called)::integer from %s', sequence) into counted;
    if highest > counted then
        perform setval(sequence, highest);
    end if;
    return null;
end;
$$;
comment on function edf.keep_ids_ahead() is
$$Moves a sequence past ids that were inserted explicitly, as by COPY from another database; the column is the
trigger's argument.$$;
revoke all on function edf.keep_ids_ahead() from public;

create function edf.record_deletions() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into edf.model_events (model_id, event, reason, happened_by)
    select model_id, 'deleted', format('%s, of "%s", checksum %s', status, subject, checksum), edf.acting_role()
    from edf.models
    where tg_op = 'TRUNCATE' or model_id = old.model_id;
    return old;
end;
$$;
comment on function edf.record_deletions() is
    'Records an event when a model is deleted; the events of the model are retained.';
revoke all on function edf.record_deletions() from public;

create trigger record_deletions before delete on edf.models for each row execute function edf.record_deletions();
create trigger record_deletions_of_all before truncate on edf.models for each statement execute function edf.record_deletions();
create trigger keep_ids_ahead after insert on edf.models referencing new table as added
    for each statement execute function edf.keep_ids_ahead('model_id');
create trigger keep_ids_ahead after insert on edf.model_events referencing new table as added
    for each statement execute function edf.keep_ids_ahead('event_id');
create trigger delete_forecasts after delete on edf.backtests referencing old table as gone
    for each statement execute function edf.delete_children('backtest_forecasts', 'backtest_id');
create trigger truncate_forecasts after truncate on edf.backtests for each statement execute function edf.delete_children('backtest_forecasts');
create trigger keep_ids_ahead after insert on edf.backtests referencing new table as added
    for each statement execute function edf.keep_ids_ahead('backtest_id');
create trigger delete_trials after delete on edf.tunings referencing old table as gone
    for each statement execute function edf.delete_children('trials', 'tuning_id');
create trigger truncate_trials after truncate on edf.tunings for each statement execute function edf.delete_children('trials');
create trigger keep_ids_ahead after insert on edf.tunings referencing new table as added
    for each statement execute function edf.keep_ids_ahead('tuning_id');

create function edf.export_models(subjects text[] default null) returns setof jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select to_jsonb(models) || jsonb_build_object(
        'artifact', encode(models.artifact, 'base64'),
        'events', (select jsonb_agg(to_jsonb(events) - 'event_id' - 'model_id' order by event_id) from edf.model_events as events where events.model_id = models.model_id))
    from edf.models
    where (subjects is null or subject = any (subjects)) and artifact <> ''
    order by models.model_id
$$;
comment on function edf.export_models(text[]) is
$$Models of these subjects (by default all) for edf.import_model in another database: one document each, with its
artifact and events. A model whose artifact was emptied is left out.

Into a file: \copy (select edf.export_models()) to 'models.copy'.$$;
revoke all on function edf.export_models(text[]) from public;

create function edf.import_model(model jsonb) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    given    edf.models;
    bytes    bytea;
    imported bigint;
begin
    perform edf.require('model', model is not null);
    begin
        bytes := decode(model ->> 'artifact', 'base64');
        given := jsonb_populate_record(null::edf.models, model - 'artifact');
    exception when data_exception then
        raise exception 'not a document of a model: %', sqlerrm
            using errcode = 'invalid_parameter_value', hint = 'Pass a document of edf.export_models.';
    end;
    if num_nulls(given.subject, given.strategy, bytes, given.checksum, given.parameters, given.features, given.feature_names, given.training_start,
                 given.training_end, given.training_rows, given.metrics) > 0 then
        raise exception 'not a document of a model: %',
            'subject, strategy, artifact, checksum, parameters, features, feature_names, training_start, '
            'training_end, training_rows or metrics is missing'
            using errcode = 'invalid_parameter_value', hint = 'Pass a document of edf.export_models.';
    end if;
    if encode(sha256(bytes), 'hex') <> given.checksum then
        raise exception 'the artifact of model % of "%" does not match its checksum', given.model_id, given.subject
            using errcode = 'data_corrupted', hint = 'Export it again.';
    end if;
    perform edf.require_kind(given.subject, given.strategy);
    perform pg_advisory_xact_lock(hashtextextended('edf.models ' || given.subject, 0));
    select model_id into imported from edf.models where (subject, checksum) = (given.subject, given.checksum) order by model_id limit 1;
    if found then
        return imported;
    end if;
    insert into edf.models (
        subject, strategy, artifact, checksum, parameters, features, feature_names,
        training_start, training_end, training_rows, metrics, created_at, created_by
    )
    values (
        given.subject, given.strategy, bytes, given.checksum, given.parameters, given.features, given.feature_names,
        given.training_start, given.training_end, given.training_rows, given.metrics, coalesce(given.created_at, now()), edf.acting_role()
    )
    returning model_id into imported;
    insert into edf.model_events (model_id, event, reason, happened_by)
    values (imported, 'trained', format('imported: model %s of another database, trained there by %s', model ->> 'model_id', given.created_by), edf.acting_role());
    return imported;
end;
$$;
comment on function edf.import_model(jsonb) is
$$Imports a model of another database, a document of edf.export_models, as pending, with an id of this database: each
database decides on approval itself. A model that already exists is left as it is. Returns the model's id.

From a file: create temp table models (model jsonb); \copy models from 'models.copy'; select edf.import_model(model)
from models.
Errors: 22023 it is not such a document, or its subject has models of the other kind; XX001 its artifact is damaged.$$;
revoke all on function edf.import_model(jsonb) from public;
