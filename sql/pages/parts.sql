-- Components of the pages. Text from users and devices is only inserted through xmlelement and xmlforest, which escape
-- it; text that is concatenated comes from this code. Function bodies are resolved at creation (begin atomic), since
-- callers may not use names outside of schema api.
--
-- The parts of which a page has hundreds pin no settings, so that the planner inlines them: a call with settings takes
-- longer than the rest of a cell. The pages themselves pin them.

create or replace function energy.page_number(value double precision, digits integer default 1) returns text
language sql immutable
begin atomic
    select coalesce(round(value::numeric, digits)::text, '–');
end;
comment on function energy.page_number(double precision, integer) is
    'A number formatted for pages; – for NULL.';
revoke all on function energy.page_number(double precision, integer) from public;

create or replace function energy.page_percent(value double precision, digits integer default 1) returns text
language sql immutable
begin atomic
    -- A no-break space.
    select coalesce(round(value::numeric, digits)::text || E'\u00a0%', '–');
end;
comment on function energy.page_percent(double precision, integer) is
    'A share in percent formatted for pages; – for NULL.';
revoke all on function energy.page_percent(double precision, integer) from public;

create or replace function energy.page_time(at timestamptz, zone text default 'UTC') returns xml
language sql stable
begin atomic
    select case when at is null then xmlelement(name span, '–') else xmlelement(name "time",
        -- As energy.iso.
        xmlattributes(to_jsonb(at) #>> '{}' as datetime), to_char(at at time zone zone, 'DD Mon HH24:MI')) end;
end;
comment on function energy.page_time(timestamptz, text) is 'A time formatted for pages, in a time zone.';
revoke all on function energy.page_time(timestamptz, text) from public;

create or replace function energy.page_clock(at timestamptz, zone text) returns text
language sql stable
begin atomic
    select coalesce(to_char(at at time zone zone, 'Dy HH24:MI'), '–');
end;
comment on function energy.page_clock(timestamptz, text) is
    'Weekday and time of one of the next days, in a time zone.';
revoke all on function energy.page_clock(timestamptz, text) from public;

create or replace function energy.page_mark(level text, words text) returns xml
language sql immutable
begin atomic
    select xmlelement(name span, xmlattributes('mark ' || level as class), words);
end;
comment on function energy.page_mark(text, text) is 'Text in the colour of good, warn or bad.';
revoke all on function energy.page_mark(text, text) from public;

create or replace function energy.page_tile(key text, head text, value text, level text, more text) returns xml
language sql immutable
set search_path = pg_catalog, pg_temp
begin atomic
    select xmlelement(name div, xmlattributes(level as class, key as "data-key"), xmlelement(name dt, head),
        xmlelement(name dd, value), xmlelement(name dd, more));
end;
comment on function energy.page_tile(text, text, text, text, text) is
    'A tile with one figure, its label and a note; level: good, warn, bad or NULL.';
revoke all on function energy.page_tile(text, text, text, text, text) from public;

create or replace function energy.page_section(id text, head text, content xml, is_live boolean default false)
returns xml
language sql immutable
set search_path = pg_catalog, pg_temp
begin atomic
    select xmlelement(name section, xmlattributes(
            id as id, id || '-head' as "aria-labelledby", case when is_live then '' end as "data-live"),
        xmlelement(name h2, xmlattributes(id || '-head' as id), head), content);
end;
comment on function energy.page_section(text, text, xml, boolean) is
    'A section of a page with its heading; is_live: energy.page_script refreshes it.';
revoke all on function energy.page_section(text, text, xml, boolean) from public;

-- A table cell: on phones the rows of a list are shown as cards, whose cells are labelled with their column heading.
create or replace function energy.page_cell(head text, content xml) returns xml
language sql immutable
begin atomic
    select xmlelement(name td, xmlattributes(head as "data-head"), content);
end;
comment on function energy.page_cell(text, xml) is
    'A cell of a table; head: its label where the table header is hidden.';
revoke all on function energy.page_cell(text, xml) from public;

create or replace function energy.page_cell(head text, content text) returns xml
language sql immutable
begin atomic
    select xmlelement(name td, xmlattributes(head as "data-head"), coalesce(nullif(content, ''), '–'));
end;
comment on function energy.page_cell(text, text) is 'A table cell with text; – if it is empty.';
revoke all on function energy.page_cell(text, text) from public;

create or replace function energy.page_table(kind text, caption text, heads text[], rows xml) returns xml
language sql immutable
set search_path = pg_catalog, pg_temp
begin atomic
    -- Focusable, so that it can be scrolled with the keyboard.
    select xmlelement(name div,
        xmlattributes('scroll' as class, '0' as tabindex, 'region' as role, caption as "aria-label"),
        xmlelement(name "table", xmlattributes(kind as class),
            xmlelement(name caption, caption),
            xmlelement(name thead, xmlelement(name tr, (
                select xmlagg(xmlelement(name th, xmlattributes('col' as scope), head) order by n)
                from unnest(heads) with ordinality as columns (head, n)))),
            xmlelement(name tbody, rows)));
end;
comment on function energy.page_table(text, text, text[], xml) is
    'A table; kind: numbers (right-aligned), cards (one card per row on phones) or heat.';
revoke all on function energy.page_table(text, text, text[], xml) from public;

create or replace function energy.page_bar(share double precision) returns xml
language sql immutable
begin atomic
    select xmlelement(name svg, xmlattributes('bar' as class, 'true' as "aria-hidden"),
        xmlelement(name rect, xmlattributes('100%' as height, 2 as rx,
            round(100 * greatest(least(coalesce(share, 0), 1), 0)::numeric, 1)::text || '%' as width)));
end;
comment on function energy.page_bar(double precision) is 'A bar for a share from 0 to 1, shown beside a number.';
revoke all on function energy.page_bar(double precision) from public;

create or replace function energy.page_link(building_id text, lead_day integer default 1) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
begin atomic
    select '?building_id=' || string_agg(case
            when letter ~ '^[A-Za-z0-9._~-]$' then letter
            else regexp_replace(encode(convert_to(letter, 'UTF8'), 'hex'), '(..)', '%\1', 'g') end, '' order by n)
        || case when lead_day <> 1 then '&lead_day=' || lead_day else '' end
    from regexp_split_to_table(building_id, '') with ordinality as letters (letter, n);
end;
comment on function energy.page_link(text, integer) is 'The URL of a building''s page, relative to any page.';
revoke all on function energy.page_link(text, integer) from public;

create or replace function energy.page_headers() returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
    select set_config('response.headers', (
        coalesce(nullif(current_setting('response.headers', true), ''), '[]')::jsonb || jsonb_build_array(
            jsonb_build_object('Content-Type', 'text/html; charset=utf-8'),
            jsonb_build_object('Content-Security-Policy', format(
                'default-src ''none''; style-src ''sha256-%s''; script-src ''sha256-%s''; connect-src ''self''; '
                'img-src ''self'' data:; form-action ''self''; frame-ancestors ''none''; base-uri ''none''',
                encode(sha256(convert_to(energy.page_style(), 'UTF8')), 'base64'),
                encode(sha256(convert_to(energy.page_script(), 'UTF8')), 'base64'))),
            jsonb_build_object('X-Content-Type-Options', 'nosniff'),
            jsonb_build_object('Referrer-Policy', 'no-referrer'))
    )::text, true);
end;
comment on function energy.page_headers() is
$$Sets the response headers of a page: content type, and a policy that allows no external resources and only its own
script.$$;
revoke all on function energy.page_headers() from public;

create or replace function energy.page(title text, links xml, content xml) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select '<!doctype html><html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/><link rel="icon" href="data:,"/>'
        || xmlelement(name title, title || ' – edf')::text
        || '<style>' || energy.page_style() || '</style></head><body>'
           '<a class="skip" href="#main">Skip to the content</a>'
        || xmlelement(name header,
            xmlelement(name span, xmlattributes('brand' as class), 'edf'), links,
            xmlelement(name span, xmlattributes('who' as class), energy.request_subject()),
            xmlelement(name button, xmlattributes('button' as type, 'logout' as "data-call"), 'Sign out'))::text
        || xmlelement(name main, xmlattributes('main' as id), xmlelement(name h1, title),
            xmlelement(name p, xmlattributes('said' as class, 'status' as role, '-1' as tabindex), ''), content)::text
        || '<dialog aria-labelledby="asked"><form method="dialog"><h2 id="asked">Decide</h2>'
           '<label for="reason">Reason</label><textarea id="reason" maxlength="2000"></textarea>'
           '<p class="error" role="alert"></p>'
           '<button class="main">Send</button><button type="button" data-cancel="">Cancel</button></form></dialog>'
        || '<script>' || energy.page_script() || '</script></body></html>';
end;
comment on function energy.page(text, xml, xml) is
    'The HTML document of a page: head, user, content, dialog, script.';
revoke all on function energy.page(text, xml, xml) from public;

create or replace function energy.check_page(building_id text, is_known boolean, lead_day integer) returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if (lead_day between 1 and 7) is not true then
        raise exception 'lead_day is %: it can be 1 to 7', coalesce(lead_day::text, 'null')
            using errcode = 'invalid_parameter_value',
                  hint = 'lead_day=1 shows what was forecast up to 24 hours ahead.';
    elsif building_id is not null and not is_known then
        perform energy.refuse(
            'PT404', 'there is no such building for you', 'Leave building_id out: the page lists yours.');
    end if;
    return true;
end;
$$;
comment on function energy.check_page(text, boolean, integer) is
    'Errors: 22023 invalid lead_day; PT404 no such building, or it is not one of the caller''s.';
revoke all on function energy.check_page(text, boolean, integer) from public;
