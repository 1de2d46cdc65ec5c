#!/usr/bin/env bash
# The accuracy of edf beside its peers, on measured series: makes what is missing, forecasts, scores, writes the tables of bench/README.md and the plots.
#
#   bench/accuracy/bench.sh [STRATEGY...]      strategies of edf; default: lear xgboost ensemble
#
# Four parts: rolling origins beside the peers, fev-bench's task GFC12, forecasts asked at other hours and delays, and
# short histories.
#
# Hours of work on two cores the first time; what is on disk is not made again. EDF_CACHE/accuracy keeps series and forecasts.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
EDF_STATE=${EDF_STATE:-$(cd "$HERE/../.." && pwd)/.edf-bench}
. "$HERE/../../docker/local/lib.sh"
. "$HERE/environment.sh"

if [ $# = 0 ]; then set -- lear xgboost ensemble; fi
step 'system packages' 'What apt says is above: the network or another apt may be in the way.' "$ROOT/docker/install.sh"
step 'environment of the peers' 'PyPI must be reachable.' install_peers
step 'measured series' 'PyPI must be reachable.' prepare_series
FAILED=0
"$PEERS/bin/python" "$HERE/run.py" --work "$WORK" --environment peers || FAILED=1
if newer_python >/dev/null; then
    step 'environment of OpenSTEF' 'PyPI must be reachable.' install_openstef
    "$OPENSTEF/bin/python" "$HERE/run.py" --work "$WORK" --environment openstef || FAILED=1
else
    say 'OpenSTEF 4 needs Python 3.12 or newer, and there is none: left out. PYTHON312=/path/to/python names one.'
fi
"$HERE/edf.sh" "$@" --work "$WORK"
"$HERE/with_edf.sh" gfc12_edf.py "$@" --work "$WORK"
"$PEERS/bin/python" "$HERE/axes_peers.py" --work "$WORK" || FAILED=1
"$HERE/with_edf.sh" axes_edf.py "$@" --work "$WORK"
"$PEERS/bin/python" "$HERE/cuts.py" --peers --work "$WORK" >/dev/null || FAILED=1
"$HERE/with_edf.sh" cuts_edf.py --work "$WORK"
"$PEERS/bin/python" "$HERE/report.py" --work "$WORK"
exit "$FAILED"
