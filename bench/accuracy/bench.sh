#!/usr/bin/env bash
# Accuracy of edf and its peers on measured series: prepares the series, forecasts, scores, writes the tables of
# bench/README.md and the plots.
#
#   bench/accuracy/bench.sh [STRATEGY...]      strategies of edf; default: lear xgboost ensemble
#
# Four parts: rolling origins with peers, fev-bench's task GFC12, forecasts at other hours and delays, and short
# histories.
#
# Takes hours on two cores the first time; existing results are reused. EDF_CACHE/accuracy keeps series and forecasts.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
EDF_STATE=${EDF_STATE:-$(cd "$HERE/../.." && pwd)/.edf-bench}
. "$HERE/../../docker/local/lib.sh"
. "$HERE/environment.sh"

if [ $# = 0 ]; then set -- lear xgboost ensemble; fi
step 'system packages' 'The output of apt is above: check the network, and whether another apt is running.' \
    "$ROOT/docker/install.sh"
step 'environment of the peers' 'PyPI must be reachable.' install_peers
step 'measured series' 'PyPI must be reachable.' prepare_series
FAILED=0
"$PEERS/bin/python" "$HERE/run.py" --work "$WORK" --environment peers || FAILED=1
if newer_python >/dev/null; then
    step 'environment of OpenSTEF' 'PyPI must be reachable.' install_openstef
    "$OPENSTEF/bin/python" "$HERE/run.py" --work "$WORK" --environment openstef || FAILED=1
else
    say 'OpenSTEF 4 needs Python 3.12 or newer, which was not found: left out. Set it with PYTHON312=/path/to/python.'
fi
"$HERE/edf.sh" "$@" --work "$WORK"
"$HERE/with_edf.sh" gfc12_edf.py "$@" --work "$WORK"
"$PEERS/bin/python" "$HERE/axes_peers.py" --work "$WORK" || FAILED=1
"$HERE/with_edf.sh" axes_edf.py "$@" --work "$WORK"
"$PEERS/bin/python" "$HERE/cuts.py" --peers --work "$WORK" >/dev/null || FAILED=1
"$HERE/with_edf.sh" cuts_edf.py --work "$WORK"
"$PEERS/bin/python" "$HERE/report.py" --work "$WORK"
exit "$FAILED"
