-- A chart of hours: lines scale with the available width, text does not. Inputs are arrays of numbers and the output
-- contains only generated text, no user-supplied names.
create or replace function energy.page_scale(low double precision, high double precision)
returns table (bottom double precision, top double precision, step double precision)
language sql immutable
set search_path = pg_catalog, pg_temp
begin atomic
    select floor(least(low, 0) / nice) * nice, greatest(ceil(high / nice), 1) * nice, nice
    from (select greatest(high, 0) - least(low, 0) as span) as spans
    cross join lateral (
        select 10 ^ floor(log((case when span > 0 then span else 1 end / 4)::numeric)) as power
    ) as powers
    cross join lateral (
        select power * min(factor) filter (where power * factor >= span / 4) as nice
        from unnest(array[1, 2, 5, 10]) as factors (factor)
    ) as steps;
end;
comment on function energy.page_scale(double precision, double precision) is
    'Range of an axis that includes zero, with about four steps of 1, 2 or 5 times a power of ten.';
revoke all on function energy.page_scale(double precision, double precision) from public;

create or replace function energy.page_chart(
    name text, words text, zone text, at timestamptz[], measured double precision[], median double precision[],
    lower double precision[], upper double precision[], solar double precision[] default null
) returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with

    hours as materialized (
        select * from unnest(at, measured, median, lower, upper, solar)
            as hours (at, measured, median, lower, upper, solar)
    ),

    frame as materialized (
        select first, last, bottom, top, step, extract(epoch from last - first)::double precision as span
        from (
            select min(hours.at) as first, max(hours.at) + interval '1 hour' as last,
                coalesce(min(least(hours.measured, hours.lower, hours.median)), 0) as low,
                coalesce(max(greatest(hours.measured, hours.upper, hours.median, hours.solar)), 1) as high
            from hours
        ) as limits
        cross join lateral energy.page_scale(low, high)
    ),

    -- x in thousandths of the width, at the middle of the hour; y in percent.
    points as (
        select name, hours.at, round((1000 * (extract(epoch from hours.at - first) + 1800) / span)::numeric, 1) as x,
            round((100 * (top - value) / (top - bottom))::numeric, 2) as y,
            lag(value) over (partition by name order by hours.at) is null as begins
        from hours
        cross join frame
        cross join lateral (values ('measured', hours.measured), ('median', hours.median), ('solar', hours.solar),
            ('lower', case when hours.upper is not null then hours.lower end),
            ('upper', case when hours.lower is not null then hours.upper end)) as series (name, value)
        where value is not null
           or hours.at > first
    ),

    lines as materialized (
        select name,
            string_agg(format('%s%s %s', case when begins then 'M' else 'L' end, x, y), '' order by at) as path,
            string_agg(format('%s %s', x, y), 'L' order by at) as forth,
            string_agg(format('%s %s', x, y), 'L' order by at desc) as back
        from points
        where y is not null
        group by name
    ),

    levels as (
        select bottom + n * step as value, round((100 * (top - bottom - n * step) / (top - bottom))::numeric, 2) as y
        from frame cross join generate_series(0, round((top - bottom) / step)::integer) as n
    ),

    -- Gridlines at midnight and, if there are few, at noon.
    marks as (
        select local_time,
            round((100 * extract(epoch from (local_time at time zone zone) - first) / span)::numeric, 2) as x,
            extract(hour from local_time) = 0 as is_midnight,
            -- Hidden on narrow screens.
            case when span > 80 * 3600 then row_number() over (order by local_time) % 2 = 0
                 else extract(hour from local_time) <> 0 end as is_minor
        from frame
        cross join generate_series(date_trunc('day', first at time zone zone), last at time zone zone,
            case when span > 80 * 3600 then interval '1 day' else interval '12 hours' end) as local_time
        where (local_time at time zone zone) between first and last - interval '1 hour'
    ),

    now_at as (
        select round((1000 * extract(epoch from energy.clock() - first) / span)::numeric, 1) as x from frame
        where energy.clock() > first and energy.clock() < last
    )

    select xmlelement(name figure,
        xmlelement(name figcaption, xmlelement(name strong, name), ' ', words),
        case when first is null then xmlelement(name p, 'No data yet.') else xmlconcat(
            xmlelement(name ul, xmlattributes('key' as class), (
                select xmlagg(xmlelement(name li,
                    xmlelement(name svg, xmlattributes('true' as "aria-hidden"), case when key = 'band'
                        then xmlelement(name rect, xmlattributes(key as class, '100%' as width, '100%' as height))
                        else xmlelement(name line, xmlattributes(
                            key as class, '100%' as x2, '50%' as y1, '50%' as y2)) end),
                    said) order by n)
                from (values (1, 'measured', 'measured', 'measured'), (2, 'median', 'median', 'forecast (median)'),
                    (3, 'band', 'upper', '90 % interval'), (4, 'solar', 'solar', 'solar')) as keys (n, key, line, said)
                where exists (select from lines where lines.name = line))),
            xmlelement(name div, xmlattributes('chart' as class, 'img' as role, name || ' ' || words as "aria-label"),
                xmlelement(name svg, xmlattributes('values' as class), (
                    select xmlagg(xmlelement(name text, xmlattributes('2.35rem' as x, y || '%' as y),
                        trim_scale(round(value::numeric, 3))))
                    from levels)),
                xmlelement(name svg, xmlattributes(
                    'plot' as class, '0 0 1000 100' as "viewBox", 'none' as "preserveAspectRatio"),
                    (select xmlagg(xmlelement(name line, xmlattributes(1000 as x2, y as y1, y as y2))) from levels),
                    (select xmlagg(xmlelement(name line, xmlattributes(10 * x as x1, 10 * x as x2, 100 as y2)))
                     from marks where is_midnight),
                    (select xmlelement(name path, xmlattributes(
                        'band' as class, format('M%sL%sZ', upper.forth, lower.back) as d))
                     from lines as upper join lines as lower on lower.name = 'lower' where upper.name = 'upper'),
                    (select xmlelement(name line, xmlattributes('now' as class, x as x1, x as x2, 100 as y2))
                     from now_at),
                    (select xmlagg(xmlelement(name path, xmlattributes(lines.name as class, path as d))
                        order by lines.name desc)
                     from lines where lines.name in ('measured', 'median', 'solar'))),
                xmlelement(name svg, xmlattributes('times' as class), (
                    select xmlagg(xmlelement(name text, xmlattributes(
                        case when is_minor then 'minor' end as class, x || '%' as x, '1.1rem' as y),
                        to_char(local_time, case when is_midnight then 'Dy DD' else 'HH24:MI' end)))
                    from marks))),
            xmlelement(name details,
                xmlelement(name summary, 'The numbers'),
                energy.page_table('numbers', name || ' In kWh per hour, times local (' || zone || ').',
                    array['Hour', 'Measured', 'Forecast', 'Lower', 'Upper']
                        || case when solar is not null then array['Solar'] end, (
                    select xmlagg(xmlelement(name tr,
                        xmlelement(name th, xmlattributes('row' as scope), energy.page_time(hours.at, zone)),
                        xmlforest(
                            energy.page_number(hours.measured, 2) as td, energy.page_number(hours.median, 2) as td,
                            energy.page_number(hours.lower, 2) as td, energy.page_number(hours.upper, 2) as td,
                            case when page_chart.solar is not null then energy.page_number(hours.solar, 2) end as td))
                        order by hours.at)
                    from hours)))) end)
    from frame;
end;
comment on function energy.page_chart(text, text, text, timestamptz[], double precision[], double precision[],
    double precision[], double precision[], double precision[]) is
$$Chart of parallel arrays of hours as a figure: lines of measured values and of the median, the 90 % interval, a marker
at the current time; below it a table of the numbers. name and words: the title and description for screen readers.$$;
revoke all on function energy.page_chart(text, text, text, timestamptz[], double precision[], double precision[],
    double precision[], double precision[], double precision[]) from public;

create or replace function energy.page_heatmap(name text, zone text, at timestamptz[], value double precision[])
returns xml
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    with

    -- An hour that occurs twice in local time is shown as the mean of both.
    cells as materialized (
        select (hours.at at time zone zone)::date as local_date,
            extract(hour from hours.at at time zone zone)::integer as hour, avg(hours.value) as value
        from unnest(at, value) as hours (at, value)
        group by 1, 2
    ),

    limits as materialized (
        select min(value) as low, nullif(max(value) - min(value), 0) as span from cells
    )

    select energy.page_table('heat', name,
        array['Day'] || array(select to_char(hour, 'FM00') from generate_series(0, 23) as hour), (
        select xmlagg(xmlelement(name tr,
            xmlelement(name th, xmlattributes('row' as scope), to_char(local_date, 'Dy DD Mon')), cells)
            order by local_date desc)
        from (
            select days.local_date, xmlagg(xmlelement(name td, xmlattributes(
                'q' || 1 + floor(7.999 * (value - low) / span)::integer as class), energy.page_number(value))
                order by hour) as cells
            from (select distinct local_date from cells) as days
            cross join generate_series(0, 23) as hour
            cross join limits
            left join cells using (local_date, hour)
            group by days.local_date
        ) as days));
end;
comment on function energy.page_heatmap(text, text, timestamptz[], double precision[]) is
    'Hours as a heat map: local days by hours of the day, coloured by value, newest day first.';
revoke all on function energy.page_heatmap(text, text, timestamptz[], double precision[]) from public;
