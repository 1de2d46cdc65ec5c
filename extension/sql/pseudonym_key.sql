-- A key that no dump contains: it is in a file of the server's data directory, the only file that this function reads.
-- Every role could read a setting, and a role that makes pseudonyms should not read other files of the server.
create function edf.pseudonym_key() returns bytea
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    written constant text := btrim(pg_read_file('edf_pseudonyms.key', 0, 1000, true), E' \r\n');
begin
    if (written ~ '^([0-9a-f]{2}){32,}$') is not true then
        raise exception 'this server has no key for pseudonyms'
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Write 64 or more hexadecimal digits to edf_pseudonyms.key in the data directory.';
    end if;
    return decode(written, 'hex');
end;
$$;
comment on function edf.pseudonym_key() is
$$The key for pseudonyms: hexadecimal digits in the file edf_pseudonyms.key of the server's data directory, so that
no dump contains it. Errors: 55000 there is no key.$$;
revoke all on function edf.pseudonym_key() from public;
