-- Keys for signing tokens. Keys must not appear in SQL statements, which servers log: public keys are passed to
-- energy.set_token_keys as a parameter, and this database's signing secret is generated in it.
create or replace function energy.base64url(bytes bytea) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return translate(encode(bytes, 'base64'), e'+/=\n', '-_');
comment on function energy.base64url(bytea) is 'base64url without padding (RFC 4648).';
revoke all on function energy.base64url(bytea) from public;

create or replace function energy.random_bytes() returns bytea
language sql volatile
set search_path = pg_catalog, pg_temp
-- A UUID has 122 bits from the server's strong random source.
return sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
comment on function energy.random_bytes() is '32 cryptographically random bytes.';
revoke all on function energy.random_bytes() from public;

create or replace function energy.hmac_sha256(message bytea, key bytea) returns bytea
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    block constant bytea := case when length(key) > 64 then sha256(key) else key end;
    inner_pad bytea := decode(repeat('36', 64), 'hex');
    outer_pad bytea := decode(repeat('5c', 64), 'hex');
begin
    for n in 0 .. length(block) - 1 loop
        inner_pad := set_byte(inner_pad, n, get_byte(inner_pad, n) # get_byte(block, n));
        outer_pad := set_byte(outer_pad, n, get_byte(outer_pad, n) # get_byte(block, n));
    end loop;
    return sha256(outer_pad || sha256(inner_pad || message));
end;
$$;
comment on function energy.hmac_sha256(bytea, bytea) is 'HMAC with SHA-256 (RFC 2104).';
revoke all on function energy.hmac_sha256(bytea, bytea) from public;

create or replace function energy.checked_jwk(jwk jsonb) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    kty   constant text := jwk ->> 'kty';
    alg   constant text := case kty when 'RSA' then 'RS256' when 'EC' then 'ES256' when 'oct' then 'HS256' end;
    fault text;
begin
    fault := case
        when jsonb_typeof(jwk) is distinct from 'object' then 'it is not a JSON object'
        when (jwk ->> 'kid' ~ '^[A-Za-z0-9._~-]{1,100}$') is not true
            then 'kid is missing, or not of letters, digits and ._~-'
        when alg is null then 'kty must be RSA, EC or oct'
        when jwk ->> 'alg' <> alg then format('alg is not %s', alg)
        when jwk ->> 'use' <> 'sig' then 'use is not sig'
        when kty <> 'oct' and jwk ?| array['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] then 'it holds a private key'
        when concat(jwk ->> 'n', jwk ->> 'e', jwk ->> 'x', jwk ->> 'y', jwk ->> 'k') !~ '^[A-Za-z0-9_-]+$'
            then 'a part of it is not base64url'
        -- 2048 bits.
        when kty = 'RSA'
             and (length(jwk ->> 'n') between 342 and 1400 and length(jwk ->> 'e') between 2 and 8) is not true
            then 'n and e are not those of an RSA key of 2048 bits or more'
        when kty = 'EC'
             and (jwk ->> 'crv' = 'P-256' and length(jwk ->> 'x') = 43 and length(jwk ->> 'y') = 43) is not true
            then 'crv, x and y are not those of a key on P-256'
        when kty = 'oct' and (length(jwk ->> 'k') between 43 and 700) is not true then 'k has fewer than 256 bits'
    end;
    -- The message does not contain the key, since messages end up in logs.
    if fault is not null then
        raise exception 'a key of the JWKS cannot be used: %', fault
            using errcode = 'invalid_parameter_value',
                  hint = 'Give public keys for RS256 or ES256, or a secret of 256 bits for HS256, as JWK with a kid.';
    end if;
    return jsonb_strip_nulls(jsonb_build_object(
        'kty', kty, 'kid', jwk ->> 'kid', 'alg', alg, 'use', 'sig', 'n', jwk -> 'n', 'e', jwk -> 'e',
        'crv', jwk -> 'crv', 'x', jwk -> 'x', 'y', jwk -> 'y', 'k', jwk -> 'k'));
end;
$$;
comment on function energy.checked_jwk(jsonb) is
    'A JWK reduced to the members needed. Errors: 22023 it is invalid, and why; the message contains no key.';
revoke all on function energy.checked_jwk(jsonb) from public;

create or replace function energy.set_token_keys(jwks jsonb) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    keys constant jsonb := nullif(case jsonb_typeof(jwks -> 'keys') when 'array' then jwks -> 'keys' end, '[]');
    kids text[];
begin
    -- An empty list would not reject all tokens: PostgREST would fall back to its own setting.
    if keys is null then
        raise exception 'the JWKS has no list of keys'
            using errcode = 'invalid_parameter_value',
                  hint = 'Give {"keys": [...]}, as an identity provider publishes it.';
    end if;
    lock table energy.token_keys in share row exclusive mode;
    select coalesce(array_agg(jwk ->> 'kid'), '{}') into kids
    from (select energy.checked_jwk(key) as jwk from jsonb_array_elements(keys) as key) as checked;
    if cardinality(kids) <> (select count(distinct kid) from unnest(kids) as kid)
       or exists (select from energy.token_keys where secret is not null and kid = any (kids)) then
        raise exception 'two keys have the same kid'
            using errcode = 'invalid_parameter_value', hint = 'Give each key its own kid.';
    end if;
    delete from energy.token_keys where secret is null and kid <> all (kids);
    insert into energy.token_keys as known (kid, jwk)
    select jwk ->> 'kid', jwk
    from (select energy.checked_jwk(key) as jwk from jsonb_array_elements(keys) as key) as checked
    on conflict (kid) do update set jwk = excluded.jwk, added_at = excluded.added_at where known.jwk <> excluded.jwk;
    notify pgrst, 'reload config';
    return cardinality(kids);
end;
$$;
comment on function energy.set_token_keys(jsonb) is
$$Sets the public keys for verifying tokens (JWKS, RFC 7517), replacing those set before. During a rotation pass both
the old and the new key. Keys of energy.rotate_signing_key are kept. Returns their number. Errors: 22023 invalid key.$$;
revoke all on function energy.set_token_keys(jsonb) from public;

create or replace function energy.rotate_signing_key() returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    made constant text := 'edf-' || substr(gen_random_uuid()::text, 1, 8);
begin
    lock table energy.token_keys in share row exclusive mode;
    delete from energy.token_keys
    where secret is not null
      and kid <> (select kid from energy.token_keys where secret is not null order by added_at desc limit 1);
    insert into energy.token_keys (kid, jwk, secret)
    values (made, jsonb_build_object('kty', 'oct', 'kid', made, 'alg', 'HS256', 'use', 'sig'), energy.random_bytes());
    notify pgrst, 'reload config';
    return made;
end;
$$;
comment on function energy.rotate_signing_key() is
$$Creates a new secret for signing the tokens of API keys, and returns its kid. Tokens signed with the previous secret
stay valid, older ones do not: call it twice if a secret has leaked.$$;
revoke all on function energy.rotate_signing_key() from public;

create or replace function energy.token_jwks() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
return (
    select jsonb_build_object(
        'keys', jsonb_agg(
            case when secret is null then jwk else jwk || jsonb_build_object('k', energy.base64url(secret)) end
            order by added_at, kid),
        -- PostgREST treats an unreadable JWKS as a shared secret: the text of public keys would then be a publicly
        -- known secret.
        'unknown', energy.base64url(energy.random_bytes()))
    from energy.token_keys
    having count(*) > 0
);
comment on function energy.token_jwks() is 'All keys including secrets, as JWKS for PostgREST; NULL: there are none.';
revoke all on function energy.token_jwks() from public;

create or replace function energy.signed_token(claims jsonb) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    key energy.token_keys;
    signed text;
begin
    -- PostgREST may not have loaded a key created a moment ago.
    select * into key from energy.token_keys where secret is not null
    order by added_at > clock_timestamp() - interval '1 minute', added_at desc limit 1;
    if not found then
        return null;
    end if;
    signed := concat_ws('.',
        energy.base64url(convert_to(jsonb_build_object('alg', 'HS256', 'typ', 'JWT', 'kid', key.kid)::text, 'UTF8')),
        energy.base64url(convert_to(claims::text, 'UTF8')));
    return signed || '.' || energy.base64url(energy.hmac_sha256(convert_to(signed, 'UTF8'), key.secret));
end;
$$;
comment on function energy.signed_token(jsonb) is
    'A JWT with these claims, signed (HS256) with a key of energy.rotate_signing_key; NULL: there is none.';
revoke all on function energy.signed_token(jsonb) from public;
