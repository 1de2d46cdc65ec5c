set local role edf_owner;

alter table raw.rejected_messages
    add column weather_location_id text,
    add column issued_at timestamptz,
    add column replayed_by text,
    add column fixed_message text;
comment on column raw.rejected_messages.weather_location_id is 'Of a weather document: the place it is about.';
comment on column raw.rejected_messages.issued_at is 'Of a weather forecast: its run. NULL for observations.';
comment on column raw.rejected_messages.replayed_by is 'Who had it taken.';
comment on column raw.rejected_messages.fixed_message is 'What was taken in its place, where somebody fixed it.';

drop index raw.rejected_messages_once;
create unique index rejected_messages_once
    on raw.rejected_messages (source, reason_code, md5(message), coalesce(weather_location_id, ''), (issued_at is null))
    where replayed_at is null;

reset role;
