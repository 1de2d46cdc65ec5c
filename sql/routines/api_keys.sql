-- API keys: long-lived keys of suppliers and gateways, which they exchange for short-lived tokens.
create or replace function energy.acting_person() returns text
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(energy.person(), edf.acting_role());
comment on function energy.acting_person() is
    'The acting person: the subject of the API request''s token, else the role.';
revoke all on function energy.acting_person() from public;

create or replace function energy.create_api_key(
    subject text, role text default 'supplier', lifetime interval default null, note text default null,
    out key_id text, out api_key text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    fault constant text := case
        when coalesce(btrim(subject), '') = '' or length(subject) > 200
            then 'subject is missing, or has more than 200 characters'
        -- As required by RFC 7519 and PostgREST.
        when subject ~ '[[:cntrl:]]' or subject ~ ':' and subject !~ '^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$'
            then 'subject has a control character, or a colon and is no URI'
        when (role in ('supplier', 'gateway')) is not true then 'role is neither supplier nor gateway'
        when not isfinite(now() + lifetime) or lifetime <= interval '0' or lifetime > interval '10 years'
            then 'lifetime is not between nothing and 10 years'
        when length(note) > 1000 then 'note has more than 1000 characters'
    end;
begin
    if fault is not null then
        raise exception '%', fault
            using errcode = 'invalid_parameter_value',
                  hint = 'Give {"subject": "...", "role": "supplier", "lifetime": "1 year", "note": "whose it is"}.';
    end if;
    key_id := 'edf_' || substr(encode(energy.random_bytes(), 'hex'), 1, 16);
    api_key := key_id || '_' || energy.base64url(energy.random_bytes());
    insert into energy.api_keys (key_id, key_hash, subject, role, note, created_by, expires_at)
    values (create_api_key.key_id, sha256(convert_to(api_key, 'UTF8')), create_api_key.subject, create_api_key.role,
            create_api_key.note, energy.acting_person(), clock_timestamp() + lifetime);
end;
$$;
comment on function energy.create_api_key(text, text, interval, text) is
$$Creates an API key for a subject of energy.building_access, with role supplier or gateway. Returns the key only once:
its hash is stored. lifetime NULL: it does not expire. Errors: 22023 an invalid subject (empty, over 200 characters, or
a colon in what is not a URI), another role, a lifetime that is not positive or over ten years, or a note of over 1,000
characters.$$;
revoke all on function energy.create_api_key(text, text, interval, text) from public;

create or replace function energy.revoke_api_key(key_id text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update energy.api_keys
    set revoked_at = coalesce(revoked_at, clock_timestamp()), revoked_by = coalesce(revoked_by, energy.acting_person())
    where api_keys.key_id = revoke_api_key.key_id;
    if not found then
        raise exception 'there is no API key %', coalesce(quote_literal(left(key_id, 40)), 'null')
            using errcode = 'undefined_object', hint = 'select key_id, subject, note from energy.api_keys lists them.';
    end if;
end;
$$;
comment on function energy.revoke_api_key(text) is
$$Revokes an API key and the tokens issued for it. Revoking it again changes nothing. Errors: 42704 no such key.$$;
revoke all on function energy.revoke_api_key(text) from public;

create or replace function energy.exchange_api_key(api_key text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    key  energy.api_keys;
    -- For unknown keys the hash is compared too, so that timing does not reveal whether a key exists.
    hash constant bytea := sha256(convert_to(coalesce(api_key, ''), 'UTF8'));
    at   constant timestamptz := clock_timestamp();
begin
    select * into key from energy.api_keys where key_id = left(api_key, 20);
    if (hash = coalesce(key.key_hash, '\x00')
        and key.revoked_at is null and coalesce(key.expires_at > at, true)) is not true then
        return null;
    end if;
    update energy.api_keys set last_used_at = greatest(last_used_at, at) where key_id = key.key_id;
    return energy.signed_token(jsonb_build_object(
        'sub', key.subject, 'role', key.role, 'aud', 'edf-api', 'key_id', key.key_id,
        'iat', floor(extract(epoch from at)),
        'exp', floor(extract(epoch from least(
            at + (select exchange_lifetime from energy.api_limits), key.expires_at)))));
end;
$$;
comment on function energy.exchange_api_key(text) is
    'A token for an API key; NULL: the key is unknown, expired or revoked, without distinction.';
revoke all on function energy.exchange_api_key(text) from public;

create or replace function energy.token_fault(claims jsonb) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    most constant interval := (select max_lifetime from energy.api_limits);
begin
    return case
        when coalesce(claims ->> 'aud', '') = '' or jsonb_typeof(claims -> 'exp') is distinct from 'number'
             or coalesce(claims ->> 'sub', '') = '' then 'the token needs the claims aud, exp and sub'
        when length(claims ->> 'sub') > 200 then 'the sub of the token has more than 200 characters'
        when (claims ->> 'role' in ('supplier', 'resident', 'gateway', 'operator', 'technician')) is not true
            then 'the token has no role of the API'
        when (claims ->> 'exp')::numeric > extract(epoch from now() + most)
            then format('the token expires in more than %s', most)
        when claims ? 'key_id' and not exists (
            select from energy.api_keys as keys
            where keys.key_id = claims ->> 'key_id'
              and (keys.subject, keys.role) = (claims ->> 'sub', claims ->> 'role')
              and keys.revoked_at is null and coalesce(keys.expires_at > clock_timestamp(), true)
        ) then 'the API key of the token is revoked'
    end;
end;
$$;
comment on function energy.token_fault(jsonb) is
$$Why a request with these claims is rejected, given a valid signature, aud and a future exp; NULL: it is accepted.$$;
revoke all on function energy.token_fault(jsonb) from public;
