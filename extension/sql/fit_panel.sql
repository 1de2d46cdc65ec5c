-- The aggregate that fits a global model.

create aggregate edf.fit_panel(
    name text, series edf.series, parameters jsonb, features jsonb, horizon interval, issue_hours integer[],
    availability interval
) (
    sfunc = edf.panel_add, stype = internal, finalfunc = edf.panel_fit
);
comment on aggregate edf.fit_panel(text, edf.series, jsonb, jsonb, interval, integer[], interval) is
$$Fits one model on several series; edf.train_global calls it over edf.panel_of. The arguments after the series are
those of the first row.

Memory: eight bytes for each number of the series, and what edf.train_global needs for training.
Errors: as edf.train_global.$$;
comment on function edf.panel_add is 'State function of edf.fit_panel.';
comment on function edf.panel_fit is 'Final function of edf.fit_panel.';
revoke all on function edf.fit_panel(text, edf.series, jsonb, jsonb, interval, integer[], interval) from public;
revoke all on function edf.panel_add from public;
revoke all on function edf.panel_fit from public;
