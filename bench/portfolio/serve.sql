-- Day by day: measurements received by then, a new issue, intervals learnt from errors, and the forecasts served by the
-- API.
create table served (portfolio text, like api.portfolio_forecasts);
do $$
declare
    issue     timestamptz;
    before    timestamptz := '-infinity';
    portfolio text;
begin
    for issue in select distinct issued_at from made order by 1 loop
        perform set_config('energy.clock', issue::text, true);
        insert into energy.building_hours (building_id, hour_at, consumption_kwh, apartments_reporting,
            apartments_expected, coverage_share, quality, received_at)
        select home, hour_at, kwh, 1, 1, 1, 'measured', hour_at + interval '1 hour'
        from homes where hour_at >= before and hour_at < issue;
        insert into energy.forecasts (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper)
        select home, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper from made where issued_at = issue;
        perform energy.score_portfolios(issue - interval '4 days'), energy.learn_portfolio_spreads();
        for portfolio in select distinct subject from energy.building_access loop
            perform set_config('request.jwt.claims', jsonb_build_object('sub', portfolio)::text, true);
            insert into served select portfolio, * from api.portfolio_forecasts;
        end loop;
        before := issue;
    end loop;
end;
$$;
