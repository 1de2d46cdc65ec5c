-- With Citus, nodes forecast with the models of their buildings: see energy.enable_citus.
set local role edf_owner;

create table energy.node_models (
    building_id text not null,
    model_id    bigint not null,
    artifact    bytea not null,
    primary key (building_id, model_id)
);
comment on table energy.node_models is
$$Copies of the artifacts of approved models, each on the node of its building. Only with Citus; the registry is
edf.models. See energy.place_models.$$;
comment on column energy.node_models.model_id is 'As in edf.models.';
comment on column energy.node_models.artifact is 'As in edf.models.';

reset role;
