-- Creates the server's key for pseudonyms if it does not exist: see edf.pseudonym_key. Run as a superuser, since it
-- writes a file.
do $$
begin
    if pg_stat_file('edf_pseudonyms.key', true) is null then
        execute format('copy (select encode(energy.random_bytes(), ''hex'')) to %L',
            current_setting('data_directory') || '/edf_pseudonyms.key');
    end if;
exception when insufficient_privilege then
    raise notice 'this role may not write files on the server: there are no pseudonyms until the key is created'
        using hint = 'Write 64 hexadecimal digits to edf_pseudonyms.key in the data directory of the server.';
end;
$$;
