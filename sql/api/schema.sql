-- Title and description of the OpenAPI document. The version is that of the contract, docs/api.md, not of the software.
comment on schema api is
$$edf: energy demand forecasts of buildings

Contract 1.0. Within version 1, columns, paths and values of `source` and `quality_reasons` are only added. Times are
UTC, energies kWh per hour. docs/api.md documents access rules, paging, errors and examples.$$;
