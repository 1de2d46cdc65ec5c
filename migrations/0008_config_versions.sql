set local role edf_owner;

alter table energy.configs
    add column checksum text,
    add column restored_from bigint references energy.configs;
update energy.configs set checksum = encode(sha256(convert_to(config::text, 'UTF8')), 'hex');
alter table energy.configs alter column checksum set not null;
comment on table energy.configs is 'Versions of config/edf.yaml; the newest row is current. Rows are never changed.';
comment on column energy.configs.checksum is 'SHA-256 of config::text, in hexadecimal: the same for the same content.';
comment on column energy.configs.restored_from is 'The earlier version that was made current again.';

-- No reference: rows of forecasts outlive what they came from, and may stand in compressed chunks.
alter table energy.forecasts add column config_id bigint;
comment on column energy.forecasts.config_id is
    'The configuration in energy.configs that it was made under; NULL where it was made before that was recorded.';

create table energy.trainings (
    model_id    bigint primary key,
    config_id   bigint not null references energy.configs,
    building_id text not null,
    known_at    timestamptz not null
);
comment on table energy.trainings is 'How the pipeline trained a model: one row per model of energy.train_model.';
comment on column energy.trainings.model_id is 'The model in edf.models.';
comment on column energy.trainings.config_id is 'The configuration that its recipe came from.';
comment on column energy.trainings.known_at is 'Nothing that was received later was read.';

reset role;
