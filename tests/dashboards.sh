#!/usr/bin/env bash
# The dashboard and the alerts against a real Prometheus: it scrapes a fleet on loopback that loses a
# Region and gets it back, loses its leader, has a record edited behind its back and a Region drained; and
# every expression of every panel must have an answer.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v prometheus >/dev/null 2>&1 || ! command -v promtool >/dev/null 2>&1; then
    echo "skipped: prometheus and promtool are not installed (Debian's package prometheus has both)"
    exit 0
fi
promtool check rules dashboards/prometheus/rules.yml
promtool test rules dashboards/prometheus/rules_test.yml

cargo build --locked --quiet
regent="${CARGO_TARGET_DIR:-target}/debug/regent"
folder=$(mktemp -d)
pids=()
end() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap end EXIT

fail() { echo "FAILED: $*"; tail -n 20 "$folder"/*.log; exit 1; }

# Runs a command every half second until it succeeds, for two minutes at most.
await() {
    local what=$1; shift
    for _ in $(seq 240); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        for pid in "${pids[@]}"; do
            kill -0 "$pid" 2>/dev/null || fail "a process ended while waiting: $what"
        done
        sleep 0.5
    done
    fail "$what"
}

"$regent" up --env "$folder/local.env" > "$folder/up.log" 2>&1 &
pids+=($!)
await "the environment file is written" test -s "$folder/local.env"
# shellcheck disable=SC1091
. "$folder/local.env"

targets=$(for region in $REGENT_LOCAL_REGIONS; do
    url="REGENT_LOCAL_AGENT_URL_${region//-/_}"; echo "          - ${!url#http://}"
done)
# Prometheus takes no port 0: one that is free now will do.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$folder/prometheus.yml" <<YAML
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["$PWD/dashboards/prometheus/rules.yml"]
scrape_configs:
  - job_name: regent
    static_configs:
      - targets:
$targets
YAML
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
    --web.listen-address="127.0.0.1:$port" > "$folder/prometheus.log" 2>&1 &
pids+=($!)
await "somebody leads" grep -q 'leads (epoch' "$folder/up.log"

ask() { python3 - "$port" "$@" <<'PY'
"""Asks Prometheus: `panels` lists expressions without an answer, `firing NAME` looks for an alert."""
import json, sys, urllib.parse, urllib.request
port, what, *rest = sys.argv[1:]

def get(path, **query):
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    return json.load(urllib.request.urlopen(url))["data"]

def series(expr):
    # What Grafana fills in.
    for name, value in {"$__rate_interval": "1m", "$__range_s": "300", "$__range": "5m",
                        "$service": ".*"}.items():
        expr = expr.replace(name, value)
    return get("query", query=expr)["result"]

if what == "firing":
    alerts = get("alerts")["alerts"]
    sys.exit(not any(a["labels"]["alertname"] == rest[0] and a["state"] == "firing" for a in alerts))
elif what == "rules":
    rules = [rule for group in get("rules")["groups"] for rule in group["rules"]]
    bad = [rule["name"] for rule in rules if rule["health"] != "ok"]
    print(f"{len(rules)} rules evaluated, wrong: {bad or 'none'}")
    sys.exit(bool(bad) or not rules)
elif what == "panels":
    dashboard = json.load(open("dashboards/grafana/regions.json"))
    asked = [(panel["title"], target["expr"]) for panel in dashboard["panels"]
             for target in panel.get("targets", [])]
    asked += [(note["name"], note["expr"]) for note in dashboard["annotations"]["list"]]
    empty = [(title, expr) for title, expr in asked if not series(expr)]
    for title, expr in empty:
        print(f"  no answer: {title}: {expr}")
    print(f"{len(asked) - len(empty)} of {len(asked)} expressions have an answer")
    sys.exit(bool(empty))
elif what == "show":
    for sample in series(rest[0]):
        labels = " ".join(f"{k}={v}" for k, v in sample["metric"].items() if k != "__name__")
        print(f"  {labels} {sample['value'][1]}")
PY
}

# The loss shows in verdicts, decisions and shares; the leader's own loss in elections.
leader=$(grep -o '[a-z0-9-]* leads (epoch' "$folder/up.log" | sed -n 1p | cut -d ' ' -f 1)
lost=$(for region in $REGENT_LOCAL_REGIONS; do [ "$region" = "$leader" ] || echo "$region"; done | sed -n 1p)
local_fleet() { "$regent" local "$@" --env "$folder/local.env" >/dev/null; }
local_fleet lose "$lost"
await "RegentRegionOutOfService fires" ask firing RegentRegionOutOfService
await "RegentRegionDown fires" ask firing RegentRegionDown
echo "ok: $lost was lost, and the alerts RegentRegionDown and RegentRegionOutOfService fired"
local_fleet restore "$lost"
local_fleet kill-agent "$leader"
gone="REGENT_LOCAL_AGENT_URL_${leader//-/_}"; gone=${!gone#http://}
led_anew() { ask show "sum(regent_acting) == 1 and on () up{instance=\"$gone\"} == 0" | grep -q .; }
await "another agent leads" led_anew

# Once it is back the Region is drained: its gate closes, and what still arrives is counted. Then somebody
# edits a record, while nothing else is to be changed about that name.
back() { ask show "min(regent_weight_wanted{region=\"$lost\"} and on (instance) regent_acting == 1) > 0" | grep -q .; }
await "$lost has its share back" back
"$regent" drain "$lost" --by ada --reason 'see it closed' >/dev/null || fail "regent drain"
in_step() { ask show 'regent_zone_stage{stage="in_step"} == 1 and on (instance) regent_acting == 1' | grep -q .; }
await "the records are as wanted" in_step
python3 - "$REGENT_LOCAL_CONTROL" "$REGENT_LOCAL_NAME_web" "$leader" <<'PY' || fail "the edit"
import json, sys, urllib.request
control, name, region = sys.argv[1:]
edit = {"fault": "edit", "name": name, "of": region, "weight": 7}
urllib.request.urlopen(urllib.request.Request(f"{control}/v1/fault", json.dumps(edit).encode(),
                                              {"Content-Type": "application/json"}))
PY
put_right() { ask show 'regent_record_drift_total{course="corrected"} == 1' | grep -q .; }
await "the edit is put right" put_right
await "every expression has an answer" ask panels
ask rules || fail "rules"
ask panels
echo "ok: shares, leader, matrix and answers as the dashboard asks for them:"
ask show 'max by (service, region) (regent_weight_actual and on (instance) regent_acting == 1)'
ask show 'max by (region, service, observer) ((regent_cell_state{state="up"} == 1))' | sed -n 1,6p
ask show 'sum by (region, reason) (regent_decisions_total)'
echo "ok: checkers of the gate of $lost, which is drained, and requests that still arrive there:"
ask show "sum by (observer, sees) (regent_gate_checkers{gate=\"$lost\"} and on (instance) regent_acting == 1) > 0"
ask show 'regent_arriving_requests * on (instance) group_left (region) regent_build_info'
