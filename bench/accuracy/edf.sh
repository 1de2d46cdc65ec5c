#!/usr/bin/env bash
# Forecasts of edf for the accuracy bench, by edf.backtest in a private cluster, which is removed at the end.
#
#   bench/accuracy/edf.sh STRATEGY... [--series A,B] [--development] [--parameters JSON] [--features JSON]
#       [--label NAME]
#
# Writes the same files as run.py, as edf-STRATEGY or edf-NAME. Existing files are reused if series, protocol, arguments
# and library are unchanged.
set -euo pipefail
exec "$(dirname "$0")/with_edf.sh" edf_forecasts.py "$@"
