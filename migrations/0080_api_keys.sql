-- Who signs tokens, and API keys that are exchanged for them.
set local role edf_owner;

create table energy.token_keys (
    kid      text primary key check (kid ~ '^[A-Za-z0-9._~-]{1,100}$'),
    jwk      jsonb not null,
    secret   bytea check (length(secret) = 32),
    added_at timestamptz not null default clock_timestamp(),
    check ((secret is not null) = (jwk ->> 'kty' = 'oct' and jwk ->> 'k' is null))
);
comment on table energy.token_keys is
$$Keys that a token may be signed with, each valid until it is removed: PostgREST is given them by api.configure. Holds
secrets; nobody but its owner reads it.$$;
comment on column energy.token_keys.kid is 'Key id, as in the header of a token.';
comment on column energy.token_keys.jwk is
    'As JWK (RFC 7517): the public part of an RSA or EC key; of a shared secret (HS256) the secret itself.';
comment on column energy.token_keys.secret is
    'Of a key that energy.rotate_signing_key made, by which tokens are signed for API keys; its JWK has no k.';

create table energy.api_keys (
    key_id      text primary key,
    key_hash    bytea not null check (length(key_hash) = 32),
    subject     text not null check (subject <> ''),
    role        text not null check (role in ('supplier', 'gateway')),
    note        text,
    created_at  timestamptz not null default clock_timestamp(),
    created_by  text not null,
    expires_at  timestamptz,
    last_used_at timestamptz,
    revoked_at  timestamptz,
    revoked_by  text,
    check ((revoked_at is null) = (revoked_by is null))
);
comment on table energy.api_keys is
$$API keys, which are exchanged for tokens of some minutes. Times are the server's clock. The key itself is nowhere: who
created it was shown it once.$$;
comment on column energy.api_keys.key_id is 'The part of the key that is no secret: it begins with it.';
comment on column energy.api_keys.key_hash is
    'SHA-256 of the whole key, which has 256 random bits: no salt and no slow hash is needed.';
comment on column energy.api_keys.subject is
    'Claim sub of its tokens: whose buildings they may see, by energy.building_access.';
comment on column energy.api_keys.created_by is 'The subject of the token of who created it over HTTP, or a role.';
comment on column energy.api_keys.expires_at is 'NULL: it does not expire.';
comment on column energy.api_keys.last_used_at is 'When a token was last issued for it.';
comment on column energy.api_keys.revoked_at is 'From when on neither it nor a token of it is taken.';

reset role;
