-- How much of what a sender has rejected is kept.
set local role edf_owner;

create table energy.rejected_volumes (
    sender text primary key,
    day    date not null,
    bytes  bigint not null
);
comment on table energy.rejected_volumes is
$$Bytes of rejected messages that were kept of a sender on the newest day (UTC) with any: up to quality.max_rejected_mb,
so that nobody fills the database with what cannot be used.$$;

reset role;
