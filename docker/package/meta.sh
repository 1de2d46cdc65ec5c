#!/bin/sh
# META.json of this version for PGXN: https://pgxn.org/spec/
set -eu
version=$("$(dirname "$0")/version.sh")
cat <<META
{
  "name": "edf",
  "abstract": "Energy demand forecasting inside PostgreSQL",
  "description": "Features, training, a model registry with approval, and forecasts with prediction intervals, as SQL functions over any query.",
  "version": "$version",
  "maintainer": "The edf authors",
  "license": "postgresql",
  "provides": {
    "edf": {
      "abstract": "Energy demand forecasting: features, models, registry and forecasts in SQL",
      "file": "extension/src/lib.rs",
      "docfile": "docs/quickstart.md",
      "version": "$version"
    }
  },
  "prereqs": {"runtime": {"requires": {"PostgreSQL": "15.0.0"}}},
  "generated_by": "docker/package/meta.sh",
  "meta-spec": {"version": "1.0.0", "url": "https://pgxn.org/meta/spec.txt"},
  "tags": ["forecasting", "time series", "energy", "machine learning"]
}
META
