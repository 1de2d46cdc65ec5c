"""Tests the pages in Chromium, with the API and the database that docker/local/test.sh has set up.

    pages.py                      runs the checks
    pages.py --save docs/pages    also saves screenshots

The database is named by PGHOST, PGPORT, PGDATABASE, the API by EDF_TEST_API_URL and EDF_TEST_JWT_SECRET; axe-core
(https://github.com/dequelabs/axe-core) is in EDF_AXE. Created rows are removed at the end, except forecasts and
the decision about a model.
"""

import argparse
import contextlib
import json
import os
import pathlib
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

import jwt
import psycopg2

import chromium
import front

API = os.environ["EDF_TEST_API_URL"]
OPERATOR, RESIDENT, LANDLORD, SUPPLIER = "alice@example.org", "pages-resident", "pages-landlord", "pages-supplier"
TECHNICIAN = "pages-technician"
ROLES = {OPERATOR: "operator", RESIDENT: "resident", LANDLORD: "resident", SUPPLIER: "supplier",
         TECHNICIAN: "technician"}
# User input, which must not be interpreted as markup.
NAMED = "<script>alert(1)</script>"
BUILDING = 'x&y="<b>%/ä'
MESSAGE = "<img src=x onerror=alert(3)> & co"
TRAINED = "homes-1-4"


def sql(statement, *values, role="postgres"):
    with contextlib.closing(psycopg2.connect(user=role)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


def token(subject, role=None):
    claims = {"sub": subject, "role": role or ROLES[subject], "aud": "edf-api", "exp": int(time.time()) + 3600}
    return jwt.encode(claims, os.environ["EDF_TEST_JWT_SECRET"], algorithm="HS256")


def ask(path, subject=OPERATOR, role=None, **headers):
    """Status, headers and text of a response."""
    if subject:
        headers["Authorization"] = f"Bearer {token(subject, role)}"
    request = urllib.request.Request(f"{API}/{path}", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def rows(path, subject=OPERATOR):
    status, _, text = ask(path, subject)
    assert status == 200, f"{path}: {status} {text}"
    return json.loads(text)


def page(**query):
    return f"{API}/rpc/dashboard" + (f"?{urllib.parse.urlencode(query)}" if query else "")


def number(value, digits=1):
    """As on the pages: half away from zero, as PostgreSQL rounds."""
    return "–" if value is None else sql("select round(%s::double precision::numeric, %s)::text", value, digits)[0][0]


def percent(value):
    return "–" if value is None else f"{number(value)}\u00a0%"


def moment(text, zone="UTC"):
    if text is None:
        return "–"
    return sql("select to_char(%s::timestamptz at time zone %s, 'DD Mon HH24:MI')", text, zone)[0][0]


CELLS = "[...row.cells].map(cell => cell.innerText.trim())"


def table(browser, section):
    """Cells of the rows of a list, by their subject."""
    return browser.run(
        f"return Object.fromEntries([...document.querySelectorAll(a + ' tr[data-row]')]"
        f".map(row => [row.dataset.row, {CELLS}]))", section)


def body(browser, section):
    """Cells of all rows of a table."""
    return browser.run(
        "return [...document.querySelectorAll(a + ' tbody tr')].map(row => [...row.cells].map(c => c.textContent))",
        section)


def tiles(browser):
    return browser.run(
        "return Object.fromEntries([...document.querySelectorAll('.tiles > [data-key]')]"
        ".map(tile => [tile.dataset.key, tile.querySelector('dd').innerText]))")


def quiet(browser):
    assert not browser.complaints, browser.complaints


def equal(found, expected, what=""):
    """For long lists the message has the first different row."""
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected) > 1:
        for n, pair in enumerate(zip(found, expected)):
            equal(*pair, f"{what} [{n}]")
    assert found == expected, f"{what}: found {str(found)[:600]!r}, expected {str(expected)[:600]!r}"


def set_up():
    # The displayed data does not change during the comparison.
    sql("update cron.job set active = false")
    for day in range(21, 30):
        sql(f"call energy.issue_forecasts('2017-07-{day} 05:00Z')", role="pipeline")
    sql("call energy.score_forecasts('-infinity')", role="pipeline")
    sql("select energy.train_model(%s)", TRAINED, role="analyst")
    sql("call energy.check_alerts(true)", role="pipeline")
    sql("insert into raw.tariffs (tariff_id, name, kind, currency, price_per_kwh, low_price_per_kwh, low_from, low_to)"
        " values ('pages', 'Day and night', 'two_rate', 'CHF', 0.28, 0.19, '22:00', '06:00')")
    sql("insert into raw.building_tariffs values ('homes-1-4', 'pages')")
    sql("insert into energy.building_access values (%s, 'homes-1-4'), (%s, 'homes-1-4'), (%s, 'all-homes'),"
        " (%s, 'homes-1-4')", RESIDENT, LANDLORD, SUPPLIER, TECHNICIAN)
    # Two homes with scores of a detector of this test, on days without other scores.
    sql("""insert into energy.anomaly_scores (building_id, apartment_id, local_date, detector, score, is_alarm, hours,
               evidence, config_id, known_at)
           select 'homes-1-4', apartment_id, '2017-07-27', 'pages_test', score, true, 14,
               '{"room": "bath", "room_c": 25.1, "setpoint_c": 20}', energy.current_config_id(), energy.clock()
           from (select apartment_id, 1 - 0.1 * row_number() over (order by apartment_id desc) as score
                 from raw.apartments where building_id = 'homes-1-4' order by apartment_id desc limit 2) as homes
           on conflict do nothing""")
    sql("""insert into energy.anomaly_alerts (alert_id, building_id, apartment_id, first_date, last_date, run_until, days,
               anomaly_score, threshold, severity, detectors, evidence, model_version, opened_at, opened_by, updated_at)
           select energy.anomaly_alert_id(building_id, apartment_id, local_date), building_id, apartment_id, local_date,
               local_date, local_date, 1, score * 0.8, 0.3, 'warning', array[detector],
               jsonb_build_object(detector, evidence || '{"hours": 14}'), 'configuration 1', energy.clock(), 'pages',
               energy.clock()
           from energy.anomaly_scores where detector = 'pages_test'""")


def add_what_people_wrote():
    sql("insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)"
        " select %s, %s, time_zone, region, latitude, longitude, weather_location_id from raw.buildings"
        " where building_id = 'homes-1-4'", BUILDING, NAMED)
    sql("insert into energy.building_access values (%s, %s)", LANDLORD, BUILDING)
    sql("insert into energy.alerts (rule, severity, subject, message, opened_at, seen_at)"
        " values ('pages_test', 'critical', %s, %s, energy.clock(), energy.clock())", BUILDING, MESSAGE)


def tear_down():
    sql("delete from energy.alerts where rule = 'pages_test'")
    sql("delete from energy.anomaly_alerts where opened_by = 'pages'")
    sql("delete from energy.anomaly_scores where detector = 'pages_test'")
    for relation in ["raw.building_tariffs", "raw.tariffs"]:
        sql(f"delete from {relation} where tariff_id = 'pages'")
    sql("delete from energy.building_access where subject = any (%s)", list(ROLES))
    for relation in ["energy.building_stages", "energy.forecasts", "energy.forecast_slots", "raw.buildings"]:
        sql(f"delete from {relation} where building_id = %s", BUILDING)
    sql("select edf.reject_model(model_id, 'a test') from edf.models"
        " where status = 'pending' and subject in (%s, 'pages')", TRAINED)
    sql("update cron.job set active = true")


def the_operator_sees_what_the_api_and_the_database_say(browser):
    browser.open(page(), token(OPERATOR))
    quiet(browser)
    (health,) = rows("health")
    found = tiles(browser)
    equal(found["forecast"], f"{health['buildings_forecast']} of {health['buildings']}")
    equal(found["late"], str(health["buildings_late"]))
    equal(found["falling_back"], str(health["buildings_falling_back"]))
    equal(found["yesterday"], percent(health["yesterday_wape_pct"]))
    open_alerts = rows("alerts?resolved_at=is.null")
    equal(found["alerts"], str(len(open_alerts)))
    assert health["words"] in browser.run("document.getElementById('overview').innerText")

    # The same from the tables, independently of the views.
    (buildings, fresh, measured, error) = sql("""
        select count(*), count(*) filter (where exists (select from energy.forecasts as f
                where f.building_id = b.building_id and f.valid_at >= energy.clock()
                  and f.issued_at >= energy.clock() - (select forecasts_late from energy.monitoring_limits))),
            max((select max(hour_at) + interval '1 hour' from energy.building_hours as h
                where h.building_id = 'all-homes' and consumption_kwh is not null))::text,
            (select 100 * sum(abs(f.yhat - h.consumption_kwh)) / sum(abs(h.consumption_kwh))
             from energy.forecasts as f join energy.building_hours as h
                on (h.building_id, h.hour_at) = (f.building_id, f.valid_at)
             join raw.buildings as o on o.building_id = f.building_id
             where lead_hours <= 24 and consumption_kwh is not null
               and (f.valid_at at time zone time_zone)::date = (energy.clock() at time zone time_zone)::date - 1)
        from raw.buildings as b""")[0]
    equal(found["forecast"], f"{fresh} of {buildings}")
    equal(found["late"], str(buildings - fresh))
    equal(found["yesterday"], percent(error))

    listed = table(browser, "#buildings")
    states = {row["building_id"]: row for row in rows("buildings")}
    equal(sorted(listed), sorted(states))
    equal(len(listed), buildings)
    equal(listed["all-homes"][2], moment(measured))
    for name, row in states.items():
        state = "late" if row["is_late"] else "falling back" if row["is_falling_back"] else "forecast"
        head, *cells = listed[name]
        assert head.startswith(name), head
        equal(cells, [state, moment(row["measured_until"]), moment(row["forecast_until"]), moment(row["issued_at"]),
                      row["source"] or "–", percent(row["yesterday_wape_pct"])], name)

    models = {str(row["model_id"]): row for row in rows("models?status=eq.pending")}
    listed = table(browser, "#models")
    equal(sorted(listed), sorted(models))
    assert models, "one waits"
    for name, row in models.items():
        head, trained, *cells = listed[name]
        assert head.startswith(row["subject"]) and row["strategy"] in head, head
        assert trained.startswith(moment(row["trained_at"])), trained
        equal(cells[:5], [number(row[key], 3) for key in ["rmse_kwh", "champion_rmse_kwh", "naive_rmse_kwh"]]
              + [percent(row["mape_pct"]), percent(row["coverage_pct"])], name)

    listed = table(browser, "#alerts")
    equal(sorted(listed), sorted(str(row["alert_id"]) for row in open_alerts))
    for row in open_alerts:
        head, severity, what, *_ = listed[str(row["alert_id"])]
        assert (head, severity) == (row["subject"], row["severity"]) and row["message"] in what, listed

    # Jobs may run in between.
    listed = table(browser, "#jobs")
    equal(sorted(listed), sorted(row["job_name"] for row in rows("jobs")))
    equal(len(listed), sql("select count(*) from energy.jobs")[0][0])


def the_chart_and_the_tables_of_a_building_have_the_numbers_of_the_api(browser):
    building = "all-homes"
    zone = sql("select time_zone from raw.buildings where building_id = %s", building)[0][0]
    clock = "2017-07-29T05:00:00Z"
    for lead_day in [1, 2]:
        browser.open(page(building_id=building, lead_day=lead_day), token(OPERATOR))
        quiet(browser)
        shown = body(browser, "#building details")
        measured = {row["valid_at"]: row["demand_kwh"] for row in rows(
            f"measured_demand?building_id=eq.{building}&valid_at=gte.2017-07-22T05:00:00Z&valid_at=lt.{clock}")}
        leads = f"lead_hours=gt.{24 * lead_day - 24}&lead_hours=lte.{24 * lead_day}"
        forecasts = {row["valid_at"]: row for row in rows(
            f"forecast_history?building_id=eq.{building}&valid_at=gte.2017-07-22T05:00:00Z&valid_at=lt.{clock}"
            f"&superseded_at=is.null&{leads}")}
        forecasts |= {row["valid_at"]: row for row in rows(f"forecasts?building_id=eq.{building}")}
        expected = []
        for at in sorted(measured | forecasts):
            row = forecasts.get(at, {})
            expected.append([moment(at, zone), number(measured.get(at), 2)] + [
                number(row.get(key), 2) for key in ["demand_kwh", "demand_lower_kwh", "demand_upper_kwh"]])
        assert len(forecasts) > 200 and len(measured) == 168, (len(forecasts), len(measured))
        equal(shown, expected)

        errors = table(browser, "#building")
        for row in rows(f"accuracy?building_id=eq.{building}"):
            equal(errors[str(row["lead_day"])][1:], [
                percent(row["wape_pct"]), number(row["rmse_kwh"], 2), number(row["promised_rmse_kwh"], 2),
                number(row["bias_kwh"], 2), percent(row["coverage_pct"])])

    heat = body(browser, ".heat")
    days = sql("""
        select to_char(day, 'Dy DD Mon'), array(
            select (select consumption_kwh from energy.building_hours
                    where building_id = %s and hour_at = (day + hour * interval '1 hour') at time zone %s
                      and hour_at < energy.clock())
            from generate_series(0, 23) as hour)
        from generate_series('2017-07-28'::timestamp, '2017-07-15', '-1 day') as day""", building, zone)
    equal(heat, [[day, *map(number, values)] for day, values in days])


def a_model_is_approved_with_a_reason_by_keyboard_alone(browser):
    browser.open(page(), token(OPERATOR))
    (model,) = [row for row in rows("models?status=eq.pending") if row["subject"] == TRAINED]
    name = str(model["model_id"])
    at = "(document.activeElement.closest('tr') || {dataset: {}}).dataset.row + document.activeElement.innerText"

    def go_to(wanted):
        for _ in range(200):
            browser.press("Tab")
            if browser.run(at) == wanted:
                return
        raise AssertionError(f"{wanted} is not reached")

    equal((browser.press("Tab"), browser.run("document.activeElement.className"))[1], "skip", "first of all")
    go_to(f"{name}Approve")
    outline = browser.run("getComputedStyle(document.activeElement).outlineStyle")
    equal(outline, "solid", "the focus is seen")
    browser.press("Enter")
    browser.until("document.querySelector('dialog').open && document.activeElement.tagName === 'TEXTAREA'")
    assert f"Approve model {name} of {TRAINED}" in browser.run("document.querySelector('dialog').innerText")
    # Nothing is sent without a reason, and Escape changes nothing.
    browser.press("Tab")
    browser.press("Enter")
    assert browser.run("document.querySelector('dialog').open && !document.querySelector('textarea').validity.valid")
    browser.press("Escape")
    browser.until("!document.querySelector('dialog').open")
    equal(browser.run(at), f"{name}Approve", "the focus is back")
    equal(sql("select status from edf.models where model_id = %s", name), [("pending",)])

    browser.press("Enter")
    browser.until("document.querySelector('dialog').open")
    browser.write("better, says <i>Alice</i>")
    browser.press("Tab")
    browser.press("Enter")
    browser.until("!document.querySelector('dialog').open && document.activeElement.className === 'said'")
    equal(browser.run("document.activeElement.innerText"), f"Model {name} of {TRAINED} is approved.")
    equal(browser.run("document.activeElement.getAttribute('role')"), "status")
    assert name not in table(browser, "#models"), "it does not wait any more"
    event = sql("select person, reason, happened_by from edf.model_events"
                " where model_id = %s and event = 'approved'", name)
    equal(event, [(OPERATOR, "better, says <i>Alice</i>", "operator")])
    quiet(browser)

    # Errors of the API are shown in the dialog.
    other = sql("select edf.train('pages', 'select hour_at as at, consumption_kwh as demand_kwh"
                " from energy.building_hours where building_id = ''homes-1-4'' order by 1', 'seasonal_naive')",
                role="analyst")[0][0]
    browser.open(page(), token(OPERATOR))
    sql("select edf.reject_model(%s, 'meanwhile')", other)
    browser.run("document.querySelector(`#models tr[data-row='${a}'] button`).click()", other)
    browser.write("too late")
    browser.press("Tab")
    browser.press("Enter")
    browser.until("document.querySelector('.error').innerText !== ''")
    said = browser.run("document.querySelector('.error').innerText")
    assert "rejected" in said, said
    equal(browser.run("document.querySelector('.error').getAttribute('role')"), "alert")
    browser.complaints = [line for line in browser.complaints if "409" not in line]
    quiet(browser)


def an_alert_is_acknowledged_and_what_people_wrote_stays_text(browser):
    browser.open(page(building_id=BUILDING), token(OPERATOR))
    quiet(browser)
    text = browser.run("document.body.innerText")
    for words in [NAMED, BUILDING, MESSAGE]:
        assert words in text, words
    equal(browser.run("[document.scripts.length, document.querySelectorAll('img, b, i').length]"), [1, 0])
    equal(browser.run("document.querySelector('#building h2').innerText"), f"Building {BUILDING}")
    # Its link leads to it.
    link = "[...document.querySelectorAll('#buildings a')].find(link => link.innerText === a)"
    equal(browser.run(f"new URL({link}.href).searchParams.get('building_id')", BUILDING), BUILDING)
    equal(browser.run("document.querySelector('#choose').value"), BUILDING)
    alert = sql("select alert_id from energy.alerts where rule = 'pages_test'")[0][0]
    browser.run("document.querySelector(`#alerts tr[data-row='${a}'] button`).click()", alert)
    browser.press("Tab")
    browser.press("Enter")
    browser.until("document.activeElement.className === 'said'")
    assert OPERATOR in table(browser, "#alerts")[str(alert)][4]
    equal(sql("select acknowledged_by from energy.alerts where alert_id = %s", alert), [(OPERATOR,)])
    quiet(browser)


def a_technician_takes_and_resolves_alerts_of_their_buildings(browser):
    browser.open(page(), token(TECHNICIAN))
    quiet(browser)
    alerts = rows("anomaly_alerts?standing=eq.alert&detectors=cs.{pages_test}&order=rank", TECHNICIAN)
    equal(len(alerts), 2)
    listed = table(browser, "#open")
    keys = [row["alert_id"] for row in alerts]
    equal([key for key in listed if key in keys], keys, "the most probable first")
    first = alerts[0]
    head, score, severity, found, days, status, _ = listed[first["alert_id"]]
    assert head.startswith(first["apartment_id"]) and "homes-1-4" in head, head
    equal([score, severity, days, status], [number(first["anomaly_score"], 2), "warning", "27 Jul", "Unseen"])
    equal(found, "pages test: 14\u00a0h, room bath, room 25.1\u00a0°C, setpoint 20\u00a0°C")

    def click(name, verb):
        browser.run("[...document.querySelectorAll('tr[data-row] button')].find(button =>"
                    " button.closest('tr').dataset.row === a[0] && button.innerText === a[1]).click()", [name, verb])
        browser.until("document.querySelector('dialog').open")

    def done(words, name, part):
        """A message is shown, and the list is updated; the dialog returns the focus before."""
        browser.until("document.querySelector('.said').innerText === a[0] &&"
                      " [...document.querySelectorAll(a[2] + ' tr[data-row]')].some(row =>"
                      " row.dataset.row === a[1] && row.cells[5].innerText !== 'Unseen')", [words, name, part])

    click(first["alert_id"], "Take")
    browser.press("Tab")
    browser.press("Enter")
    done(f"Yours: {first['alert_id']}", first["alert_id"], "#open")
    equal(table(browser, "#open")[first["alert_id"]][5], f"Investigating: {TECHNICIAN}")
    click(first["alert_id"], "A fault")
    browser.write("the valve, says <i>Tina</i>")
    browser.press("Tab")
    browser.press("Enter")
    done(f"A fault: {first['alert_id']}", first["alert_id"], "#resolved")
    assert first["alert_id"] not in table(browser, "#open")
    equal(table(browser, "#resolved")[first["alert_id"]][5],
          f"True Positive: {TECHNICIAN}: the valve, says <i>Tina</i>")
    click(alerts[1]["alert_id"], "No fault")
    browser.press("Tab")
    browser.press("Enter")
    done(f"No fault: {alerts[1]['alert_id']}", alerts[1]["alert_id"], "#resolved")
    equal(sql("select status, resolved_by from energy.anomaly_alerts where opened_by = 'pages' order by status"),
          [("Resolved-False Positive", TECHNICIAN), ("Resolved-True Positive", TECHNICIAN)])
    quiet(browser)


def residents_and_suppliers_see_their_own(browser):
    browser.open(page(), token(RESIDENT))
    quiet(browser)
    name, zone = sql("select name, time_zone from raw.buildings where building_id = 'homes-1-4'")[0]
    equal(browser.run("document.querySelector('h1').innerText"), name)
    ahead = rows("rpc/my_building", RESIDENT)
    equal([row["demand_kwh"] for row in ahead],
          [row["demand_kwh"] for row in rows("forecasts?building_id=eq.homes-1-4&limit=48", RESIDENT)])
    day = ahead[:24]
    peak = max(day, key=lambda row: row["demand_kwh"])
    found = tiles(browser)
    equal(found["next_day"], f"{number(sum(row['demand_kwh'] for row in day), 0)}\u00a0kWh")
    clock = "select to_char(%s::timestamptz at time zone %s, 'Dy HH24:MI')"
    equal(found["peak"], sql(clock, peak["valid_at"], zone)[0][0])
    shown = [row for row in body(browser, "#today details") if row[2] != "–"]
    equal([row[2] for row in shown], [number(row["demand_kwh"], 2) for row in ahead])
    if ahead[0]["solar_kwh"] is not None:
        equal([row[5] for row in shown], [number(row["solar_kwh"], 2) for row in ahead])
        equal(found["solar"], f"{number(sum(row['solar_kwh'] for row in day), 0)}\u00a0kWh")
    advised = table(browser, "#advice")
    for name, kwh, hours in [("Washing machine", 1, 2), ("Dishwasher", 1.2, 3), ("Electric car", 12, 5)]:
        (best,) = rows(f"rpc/energy_advice?energy_kwh={kwh}&duration_hours={hours}", RESIDENT)
        start = sql(clock, best["start_at"], zone)[0][0]
        equal(advised[name][1:], [start, best["advice"]], name)
        assert "CHF" in best["advice"], best
    week = body(browser, "#week")
    measured = sql("select round(sum(consumption_kwh)::numeric, 1)::text from energy.building_hours where building_id ="
                   " 'homes-1-4' and (hour_at at time zone %s)::date = '2017-07-27'", zone)[0][0]
    sun = sql("select round(sum(solar_kwh)::numeric, 1)::text, round(100 * (sum(least(solar_kwh, consumption_kwh))"
              " / sum(solar_kwh))::numeric) || e'\\u00a0%%' from energy.building_hours where building_id = 'homes-1-4'"
              " and (hour_at at time zone %s)::date = '2017-07-27'", zone)[0]
    equal([[row[1], *row[4:]] for row in week if row[0] == "Thu 27 Jul"], [[measured, *sun]])
    assert all(other not in browser.run("document.body.innerText") for other in ["all-homes", NAMED])

    browser.open(page(building_id=BUILDING), token(LANDLORD))
    quiet(browser)
    equal(browser.run("document.querySelector('h1').innerText"), NAMED)
    equal(browser.run("document.querySelector('[aria-current]').innerText"), NAMED)
    equal(browser.run("document.querySelectorAll('nav a').length"), 2)

    browser.open(page(), token(SUPPLIER))
    quiet(browser)
    shown = body(browser, "#sum details")
    total = rows("portfolio_forecasts", SUPPLIER)
    equal([row[2] for row in shown], [number(row["demand_kwh"], 2) for row in total])
    equal(len(body(browser, "#errors")), len(rows("accuracy", SUPPLIER)))


def others_are_refused_and_bad_parameters_named(_):
    for subject, role, query, status, says in [
        (RESIDENT, None, {"building_id": "all-homes"}, 404, "there is no such building for you"),
        (RESIDENT, None, {"building_id": "nowhere"}, 404, "there is no such building for you"),
        (OPERATOR, None, {"building_id": "nowhere"}, 404, "there is no such building for you"),
        (OPERATOR, None, {"building_id": "x\r\nSet-Cookie: a=b"}, 404, "there is no such building for you"),
        (OPERATOR, None, {"lead_day": 0}, 400, "lead_day is 0: it can be 1 to 7"),
        (OPERATOR, None, {"lead_day": 8}, 400, "lead_day is 8"),
        (OPERATOR, None, {"lead_day": "x"}, 400, "invalid input syntax"),
        (OPERATOR, None, {"building_id": "x" * 5000}, 404, "there is no such building"),
        ("gate", "gateway", {}, 403, "permission denied"),
        (None, None, {}, 401, ""),
    ]:
        found, head, text = ask(page(**query).removeprefix(f"{API}/"), subject, role, Accept="text/html")
        assert "Set-Cookie" not in head, head
        assert found == status and says in text, f"{query}: {found} {text[:300]}"
    found = ask("rpc/approve_model", RESIDENT)[0]
    assert found in (403, 405), found
    for view in ["health", "jobs"]:
        equal(ask(view, RESIDENT)[0], 403, view)
    for view in ["health", "jobs", "buildings", "measured_demand"]:
        equal(ask(view, SUPPLIER)[0], 403, view)
    for path in ["measured_demand?valid_at=gte.2017-07-28T00:00:00Z", "buildings"]:
        equal({row["building_id"] for row in rows(path, RESIDENT)}, {"homes-1-4"}, path)


def the_policy_lets_no_other_script_run(browser):
    browser.open(page(), token(OPERATOR))
    quiet(browser)
    browser.run("""
        const script = document.createElement('script');
        script.textContent = 'window.ran = true';
        document.body.append(script);
        const text = '<p onclick="window.ran = true" style="color: red" id="bad">x</p>';
        document.body.insertAdjacentHTML('beforeend', text);
        document.getElementById('bad').click();
        return 0""")
    browser.settle()
    equal(browser.run("window.ran === undefined"), True)
    assert sum("Content Security Policy" in line for line in browser.complaints) >= 3, browser.complaints
    assert browser.run("fetch('https://example.org').then(() => false, () => true)"), "nothing is fetched elsewhere"
    browser.complaints.clear()


def it_can_be_read_without_a_script(browser):
    browser.open(page(building_id="all-homes"), token(OPERATOR), script=False)
    equal(len(table(browser, "#buildings")), len(rows("buildings")))
    assert browser.run("document.querySelectorAll('.plot path').length") == 3


# Violations that axe-core finds on the current page.
AXE = ("const told = await axe.run(document, {resultTypes: ['violations']});"
       "return told.violations.map(rule => rule.id + ': ' + rule.nodes.map(node => node.html).join(' '))")


def faults(browser):
    browser.send("Runtime.evaluate", expression=pathlib.Path(os.environ["EDF_AXE"]).read_text(encoding="utf-8") + ";0")
    return browser.run(AXE)


WIDTHS = [320, 768, 1280]
VIEWS = [
    (OPERATOR, {"building_id": "all-homes"}), (OPERATOR, {"building_id": BUILDING}), (RESIDENT, {}), (LANDLORD, {}),
    (SUPPLIER, {}), (TECHNICIAN, {}),
]


def nothing_is_wider_than_a_phone_and_axe_finds_nothing(browser):
    for subject, query in VIEWS:
        for width in WIDTHS:
            for dark in [False, True]:
                browser.open(page(**query), token(subject), width=width, dark=dark)
                quiet(browser)
                wide = browser.run("document.documentElement.scrollWidth")
                assert wide <= width, f"{subject} {query}: {wide} at {width}"
                background = browser.run("getComputedStyle(document.body).backgroundColor")
                equal(background, "rgb(16, 21, 27)" if dark else "rgb(243, 245, 247)")
                equal(faults(browser), [], f"axe: {subject} {query} at {width}, dark {dark}")
    # With the dialog open; and a violation is detected.
    browser.open(page(), token(OPERATOR))
    browser.run("document.querySelector('#models button').click()")
    equal(faults(browser), [], "axe: the dialog")
    browser.run("document.querySelector('dialog').close()")
    browser.run("document.querySelectorAll('label').forEach(label => label.remove())")
    assert any(line.startswith("select-name") for line in faults(browser)), "axe finds what is wrong"


def a_browser_signs_in_with_a_cookie_that_no_script_reads_and_no_other_site_uses(browser):
    if not front.path():
        print("skipped: signing in, there is no nginx: docker/install.sh nginx")
        return
    with front.front(API) as address:
        browser.open(f"{address}/rpc/dashboard")
        equal(browser.run("location.pathname"), "/login", "who is not signed in comes here")
        browser.complaints = [line for line in browser.complaints if "401" not in line]
        quiet(browser)

        def sign_in(value):
            browser.run("const field = document.getElementById('token'); field.value = ''; return field.focus()")
            browser.write(value)
            browser.press("Enter")

        sign_in(token(OPERATOR) + "x")
        browser.until("document.querySelector('[role=alert]').innerText !== ''")
        said = browser.run("document.querySelector('[role=alert]').innerText")
        equal(said, "This token is invalid or has expired.")
        browser.complaints = [line for line in browser.complaints if "401" not in line]
        sign_in(token(OPERATOR))
        browser.until("location.pathname === '/rpc/dashboard' && document.readyState === 'complete'")
        browser.settle()
        quiet(browser)
        equal(browser.run("document.querySelector('.who').innerText"), OPERATOR)
        equal(browser.run("document.cookie"), "")
        (cookie,) = browser.send("Network.getCookies", urls=[address])["cookies"]
        equal([cookie[key] for key in ["name", "httpOnly", "secure", "sameSite"]], ["edf_token", True, True, "Strict"])
        # Requests that a form of another site could send have no token, with or without a cookie.
        decide = ("return fetch('/rpc/reject_model', {method: 'POST', headers: {'Content-Type': a},"
                  " body: a === 'application/json' ? '{}' : 'model_id=1'}).then(answer => answer.status)")
        kinds = {"application/json": 400, "application/x-www-form-urlencoded": 401, "text/plain": 401}
        for kind, status in kinds.items():
            equal(browser.run(decide, kind), status, kind)
        browser.complaints.clear()
        # A link on another site leads to the sign-in page: with SameSite=Strict no cookie is sent.
        browser.open("data:text/html,<title>another site</title>")
        browser.run("const link = document.createElement('a'); link.href = a; document.body.append(link);"
                    " return link.click()", f"{address}/rpc/dashboard")
        browser.until("location.pathname === '/login'")
        browser.open(f"{address}/rpc/dashboard")
        browser.run("document.querySelector('button[data-call=logout]').click()")
        browser.until("location.pathname === '/login'")
        equal(browser.send("Network.getCookies", urls=[address])["cookies"], [])
        for dark in [False, True]:
            browser.open(f"{address}/login", width=320, dark=dark)
            quiet(browser)
            equal(faults(browser), [], "axe: the page to sign in")


CHECKS = [
    the_operator_sees_what_the_api_and_the_database_say,
    the_chart_and_the_tables_of_a_building_have_the_numbers_of_the_api,
    residents_and_suppliers_see_their_own,
    a_technician_takes_and_resolves_alerts_of_their_buildings,
    others_are_refused_and_bad_parameters_named,
    the_policy_lets_no_other_script_run,
    it_can_be_read_without_a_script,
    nothing_is_wider_than_a_phone_and_axe_finds_nothing,
    a_browser_signs_in_with_a_cookie_that_no_script_reads_and_no_other_site_uses,
    an_alert_is_acknowledged_and_what_people_wrote_stays_text,
    a_model_is_approved_with_a_reason_by_keyboard_alone,
]


def keep_pictures(browser, folder):
    folder.mkdir(parents=True, exist_ok=True)
    query = {"building_id": "all-homes"}
    for name, subject, asked, width, height, dark in [
        ("operator", OPERATOR, query, 1100, 4000, False), ("operator-dark", OPERATOR, query, 1100, 900, True),
        ("operator-phone", OPERATOR, query, 390, 1400, False), ("resident", RESIDENT, {}, 800, 1500, False),
        ("resident-phone", RESIDENT, {}, 390, 1400, True), ("supplier", SUPPLIER, {}, 800, 900, False),
        ("technician", TECHNICIAN, {}, 1100, 900, False), ("technician-phone", TECHNICIAN, {}, 390, 1400, False),
    ]:
        browser.open(page(**asked), token(subject), width=width, dark=dark)
        browser.picture(folder / f"{name}.png", height)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--save", type=pathlib.Path, help="folder for screenshots of the pages")
    arguments.add_argument("only", nargs="*", help="checks to run, by parts of their names")
    asked = arguments.parse_args()
    if not chromium.path():
        print("skipped: the pages in a browser, there is no Chromium: docker/install.sh browser")
        return
    failed = 0
    tear_down()
    try:
        set_up()
        with chromium.Chromium() as browser:
            if asked.save:
                keep_pictures(browser, asked.save)
            add_what_people_wrote()
            for check in CHECKS:
                if asked.only and not any(part in check.__name__ for part in asked.only):
                    continue
                try:
                    check(browser)
                    print(f"ok {check.__name__}", flush=True)
                except Exception:
                    failed += 1
                    print(f"XX {check.__name__}\n{traceback.format_exc()}", flush=True)
    finally:
        tear_down()
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
