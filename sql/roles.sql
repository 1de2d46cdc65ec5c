-- Roles of the cluster; idempotent. No passwords: authentication is configured in the server's pg_hba.conf.
do $$
declare
    wanted record;
begin
    for wanted in
        select * from (values
            ('edf_owner', 'nologin'),
            ('dbt', 'login'),
            ('pipeline', 'login'),
            ('analyst', 'login'),
            ('dashboard', 'login'),
            ('edf_approver', 'nologin'),
            ('weather', 'login'),
            ('alerts', 'login'),
            ('api_log', 'login'),
            ('authenticator', 'login noinherit'),
            ('anonymous', 'nologin'),
            ('supplier', 'nologin'),
            ('resident', 'nologin'),
            ('gateway', 'nologin'),
            ('operator', 'nologin'),
            ('technician', 'nologin')
        ) as roles (name, options)
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            execute format('create role %I %s', wanted.name, wanted.options);
        end if;
    end loop;
end;
$$;
grant edf_owner to dbt;
-- energy.is_run_alive checks whether the session of a job is still active.
grant pg_read_all_stats to edf_owner;
-- Concurrent jobs need to see each other's commits, whatever the database default is.
alter role pipeline set default_transaction_isolation = 'read committed';
-- Dashboards repeat queries every minute: a query should end before the next one starts.
alter role dashboard set default_transaction_read_only = on;
alter role dashboard set statement_timeout = '30s';
-- Limits of a request by role; PostgREST applies them per request.
alter role anonymous set statement_timeout = '5s';
alter role supplier set statement_timeout = '30s';
alter role resident set statement_timeout = '15s';
alter role gateway set statement_timeout = '60s';
alter role operator set statement_timeout = '60s';
alter role technician set statement_timeout = '30s';
-- Its statement parameters are request bodies and headers with keys and tokens: never log them, even for slow
-- statements.
alter role authenticator set log_parameter_max_length = 0;
alter role authenticator set log_parameter_max_length_on_error = 0;
-- Ends the transaction of an abandoned request.
alter role authenticator set idle_in_transaction_session_timeout = '60s';
grant anonymous, supplier, resident, gateway, operator, technician to authenticator;
comment on role edf_owner is 'Owns the schemas, tables, routines and dbt''s relations.';
comment on role dbt is 'Builds the dbt models, as edf_owner.';
comment on role pipeline is 'Runs the jobs: ingests, refreshes, trains, forecasts.';
comment on role analyst is 'Reads everything but secrets; trains, rejects, keeps the calendar.';
comment on role dashboard is 'Reads what dashboards show; writes nothing.';
comment on role edf_approver is
    'Approves, rejects and rolls back models. Granted to users: grant edf_approver to alice.';
comment on role weather is 'Fetches weather: reads locations, ingests documents, records each fetch.';
comment on role alerts is 'Delivers alerts to receivers: claims due deliveries, records each attempt.';
comment on role api_log is 'Records requests to the API: failures and reads.';
comment on role authenticator is 'Login role of PostgREST; switches to the role of a token.';
comment on role anonymous is
    'A request without a token, over HTTP only, if API keys can be exchanged: it may only exchange a key.';
comment on role supplier is 'An energy supplier, over HTTP only.';
comment on role resident is 'A resident''s app, over HTTP only.';
comment on role gateway is 'Sends meter messages, over HTTP only.';
comment on role operator is
    'Sees and acknowledges alerts, decides on models, over HTTP only; the token''s subject is the person.';
comment on role technician is
$$Sees the alerts of the apartments in their buildings and resolves them, over HTTP only; the token's subject is the
person.$$;
