-- Makes the key for pseudonyms where the server has none: see edf.pseudonym_key. Run as a superuser, whose file it is.
do $$
begin
    if pg_stat_file('edf_pseudonyms.key', true) is null then
        execute format('copy (select encode(energy.random_bytes(), ''hex'')) to %L',
            current_setting('data_directory') || '/edf_pseudonyms.key');
    end if;
exception when insufficient_privilege then
    raise notice 'this role may not write files of the server: there are no pseudonyms until somebody makes the key'
        using hint = 'Write 64 hexadecimal digits to edf_pseudonyms.key in the data folder of the server.';
end;
$$;
