#!/usr/bin/env bash
# Forecasts of edf for the accuracy bench, by edf.backtest in a cluster of its own, which is removed at the end.
#
#   bench/accuracy/edf.sh STRATEGY... [--series A,B] [--development] [--parameters JSON] [--features JSON] [--label NAME]
#
# Writes the same files as run.py, as edf-STRATEGY or edf-NAME. What is on disk is kept while series, protocol, arguments and library stay the same.
set -euo pipefail
exec "$(dirname "$0")/with_edf.sh" edf_forecasts.py "$@"
