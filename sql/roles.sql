-- Roles of the cluster; idempotent. No passwords: how a role logs in is the server's pg_hba.conf.
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
-- Its routines tell whether the session of a job is still at work: energy.is_run_alive.
grant pg_read_all_stats to edf_owner;
-- Jobs that run beside each other see what the others have done, whatever the database is set to.
alter role pipeline set default_transaction_isolation = 'read committed';
-- A query that a dashboard repeats every minute ends before the next one.
alter role dashboard set default_transaction_read_only = on;
alter role dashboard set statement_timeout = '30s';
-- What a request may take, by its role; PostgREST sets these for each.
alter role anonymous set statement_timeout = '5s';
alter role supplier set statement_timeout = '30s';
alter role resident set statement_timeout = '15s';
alter role gateway set statement_timeout = '60s';
alter role operator set statement_timeout = '60s';
alter role technician set statement_timeout = '30s';
-- Its parameters are bodies and headers of requests, with keys and tokens: of a slow statement, too, none is logged.
alter role authenticator set log_parameter_max_length = 0;
alter role authenticator set log_parameter_max_length_on_error = 0;
-- A transaction of a request that nobody goes on with.
alter role authenticator set idle_in_transaction_session_timeout = '60s';
grant anonymous, supplier, resident, gateway, operator, technician to authenticator;
comment on role edf_owner is 'Owns the schemas, tables, routines and dbt''s relations.';
comment on role dbt is 'Builds the dbt models, as edf_owner.';
comment on role pipeline is 'Runs the jobs: ingests, refreshes, trains, forecasts.';
comment on role analyst is 'Reads everything but secrets; trains, rejects, keeps the calendar.';
comment on role dashboard is 'Reads what dashboards show; writes nothing.';
comment on role edf_approver is 'Approves models, rejects them and brings the one before back. People get it: grant edf_approver to alice.';
comment on role weather is 'Fetches weather: reads where, ingests what comes, records each fetch.';
comment on role alerts is 'Tells receivers of alerts: takes what is due, records each try.';
comment on role api_log is 'Records which requests to the API failed.';
comment on role authenticator is 'PostgREST''s login; becomes the role of a token.';
comment on role anonymous is
    'A request without a token, over HTTP only, where API keys are exchanged: it may do that and nothing else.';
comment on role supplier is 'An energy supplier, over HTTP only.';
comment on role resident is 'A resident''s app, over HTTP only.';
comment on role gateway is 'Sends what meters say, over HTTP only.';
comment on role operator is 'Sees alerts and models, acknowledges and decides, over HTTP only; the subject of the token is the person.';
comment on role technician is
    'Looks after apartments, over HTTP only: sees the alerts of their buildings and says what they were; the subject of the token is the person.';
