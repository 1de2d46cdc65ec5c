-- A challenger of an archetype may serve a share of its buildings.
set local role edf_owner;

alter table energy.challenges
    add column share        double precision not null default 0 check (share >= 0 and share <= 1),
    add column share_reason text,
    add column share_set_at timestamptz,
    add column share_set_by text;
comment on column energy.challenges.share is 'Of the archetype''s buildings, those that the challenger serves; the others and, in shadow, all are the champion''s. 0: it forecasts in shadow alone.';
comment on column energy.challenges.share_set_by is 'Who has let it serve, as an approval: see energy.serve_share.';

reset role;
