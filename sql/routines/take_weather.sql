-- The procedures energy.ingest_weather_... as functions, since CALL does not accept subqueries.
create or replace function energy.take_weather_forecast(
    document text, weather_location_id text, issued_at timestamptz, received_at timestamptz default null,
    out hours_written bigint, out rejected_code text, out rejected_reason text
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    call energy.ingest_weather_forecast(document, weather_location_id, issued_at, received_at, hours_written,
        rejected_code, rejected_reason);
end;
$$;
comment on function energy.take_weather_forecast(text, text, timestamptz, timestamptz) is
    'energy.ingest_weather_forecast for use in a query, such as one over a table of documents.';
revoke all on function energy.take_weather_forecast(text, text, timestamptz, timestamptz) from public;

create or replace function energy.take_weather_observations(
    document text, weather_location_id text, received_at timestamptz default null,
    out hours_written bigint, out rejected_code text, out rejected_reason text
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    call energy.ingest_weather_observations(document, weather_location_id, received_at, hours_written, rejected_code,
        rejected_reason);
end;
$$;
comment on function energy.take_weather_observations(text, text, timestamptz) is
    'energy.ingest_weather_observations for use in a query, such as one over a table of documents.';
revoke all on function energy.take_weather_observations(text, text, timestamptz) from public;
