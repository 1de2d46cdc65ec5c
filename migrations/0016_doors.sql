-- Who sent what, lines that are blank, and turns of those who send at the same time.
set local role edf_owner;

alter table raw.rejected_messages
    add column sender text,
    add column overruled boolean not null default false;
comment on column raw.rejected_messages.sender is
    'The subject of the token that it came with: a replay is judged by it. NULL: the pipeline itself. Empty: not kept, as before senders were; nobody''s building is its.';
comment on column raw.rejected_messages.overruled is 'It was replayed for a building that is not its sender''s, as replayed_by asked for.';
-- Any of these may have come from a gateway.
update raw.rejected_messages set sender = '' where source = 'meter' and replayed_at is null;

drop index raw.rejected_messages_once;
create unique index rejected_messages_once
    on raw.rejected_messages (source, reason_code, md5(message), coalesce(weather_location_id, ''), (issued_at is null), sender) nulls not distinct
    where replayed_at is null;

alter table raw.ingestions
    add column sender text,
    add column overruled boolean not null default false;
comment on column raw.ingestions.sender is 'The subject of the token that it came with. NULL: the pipeline itself.';
comment on column raw.ingestions.overruled is 'Rejected messages that were replayed for buildings that are not their sender''s.';

alter table raw.meter_inbox
    alter column message drop not null,
    add constraint meter_inbox_received_at_is_a_time check (isfinite(received_at)) not valid;
comment on column raw.meter_inbox.message is 'NULL: a blank line, as COPY reads it.';

create table energy.meter_turns (
    turn  integer primary key,
    taken bigint not null default 0
);
comment on table energy.meter_turns is
    'Buildings by a digest of their id: who takes their messages holds their rows until the end of the transaction, so that the same message is never taken twice at once.';
comment on column energy.meter_turns.taken is 'How often it was held. It changes each time, so that a transaction that cannot see what the one before it took fails with 40001.';

reset role;
