-- What technicians' answers teach about detectors.
set local role edf_owner;

create table energy.anomaly_weights (
    archetype  text not null,
    detector   text not null,
    learnt_at  timestamptz not null,
    weight     double precision not null check (weight between -1e6 and 1e6),
    labels     integer not null check (labels >= 0),
    positives  integer not null check (positives between 0 and labels),
    primary key (archetype, learnt_at, detector)
);
comment on table energy.anomaly_weights is
$$Weights of the logistic regression that makes one probability of what detectors say, learnt from resolved alerts of an
archetype. The newest of each archetype count; without any, the precisions of the configuration do.$$;
comment on column energy.anomaly_weights.archetype is 'As in raw.buildings; empty: of all buildings together.';
comment on column energy.anomaly_weights.detector is
$$A detector, whose weight counts for its strength (energy.anomaly_findings.strengths); (prior): the logit of the score by the
configuration; (intercept).$$;
comment on column energy.anomaly_weights.labels is 'Resolved alerts that they were learnt from.';
comment on column energy.anomaly_weights.positives is 'Those among them that were faults.';

reset role;
