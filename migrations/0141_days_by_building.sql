-- Days and scores are looked up by building and date. An index by date alone is chosen for such a look-up while
-- statistics are older than the rows, and then reads the day of all buildings for each. Retention, once a day, needs
-- none.
set local role edf_owner;

drop index energy.apartment_days_by_date;
create index apartment_days_by_building on energy.apartment_days (building_id, local_date);

drop index energy.anomaly_scores_by_date;
create index anomaly_scores_by_building on energy.anomaly_scores (building_id, local_date, detector);

-- A block range index is chosen likewise, and reads all rows that were loaded building by building.
drop index energy.apartment_features_by_date;

-- The date dimension also by date: days of apartments are local dates.
create unique index utc_days_by_date on energy.utc_days (((day_at at time zone 'UTC')::date));

reset role;
