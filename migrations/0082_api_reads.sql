-- Who read of which building when.
set local role edf_owner;

create table energy.api_reads (
    minute    timestamptz not null,
    subject   text not null,
    role      text not null,
    key_id    text not null,
    path      text not null,
    buildings text[] not null,
    status    integer not null,
    requests  bigint not null check (requests > 0),
    rows      bigint not null check (rows >= 0),
    primary key (minute, subject, role, key_id, path, status, buildings)
);
comment on table energy.api_reads is
$$Audit log of reading over HTTP, by minute of the server's clock: edf-api-log writes it from the log of nginx, since
reading transactions write nothing. Kept as storage.logs says.$$;
comment on column energy.api_reads.subject is 'Claim sub of the token.';
comment on column energy.api_reads.key_id is 'API key that the token was issued for; empty: it is of another issuer.';
comment on column energy.api_reads.buildings is
    'Those that the request named; where it named none, all that the subject had access to when it was recorded.';
comment on column energy.api_reads.status is '304: the reader has these rows already.';
comment on column energy.api_reads.rows is 'Rows of the answers.';
create index api_reads_by_building on energy.api_reads using gin (buildings);

reset role;
