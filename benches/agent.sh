#!/usr/bin/env bash
# What an agent costs: memory and processor time of each of three release agents, on a fleet of
# 3 Regions x 10 services on loopback, over a time (60 s if not given) of calm. The goals: under
# 64 MiB, and under 2 % of one core. Processor time is what the kernel counted, not what it took.
#
#   cargo build --release && benches/agent.sh [SECONDS]
#
# REGENT names another binary.
set -euo pipefail
cd "$(dirname "$0")/.."
span=${1:-60}
regent=${REGENT:-${CARGO_TARGET_DIR:-target}/release/regent}
[ -x "$regent" ] || { echo "$regent is not there: cargo build --release"; exit 1; }

folder=$(mktemp -d)
up=
end() {
    if [ -n "$up" ]; then kill "$up" 2>/dev/null || true; wait "$up" 2>/dev/null || true; fi
    rm -rf "$folder"
}
trap end EXIT

mkdir "$folder/regions"
{
    echo 'name = "footprint"'
    echo 'seats = ["r1", "r2", "r3"]'
    echo 'zones = { Z1 = "footprint.example" }'
    for n in $(seq 10); do
        printf '[services.s%s]\nzone = "Z1"\nname = "s%s.footprint.example"\ntype = "A"\n' "$n" "$n"
        printf 'probe = { path = "/health", timeout_ms = 800 }\n'
    done
} > "$folder/regions/fleet.toml"
for region in r1 r2 r3; do
    {
        echo "region = \"$region\""
        for n in $(seq 10); do
            printf '[services.s%s]\nweight = 100\nurl = "http://s%s.example.net"\n' "$n" "$n"
            printf 'record = { values = ["192.0.2.1"], ttl_s = 60 }\n'
        done
    } > "$folder/regions/$region.toml"
done

"$regent" up --regions "$folder/regions" --env "$folder/local.env" > "$folder/up.log" 2>&1 &
up=$!
for _ in $(seq 600); do
    if grep -q 'leads (epoch' "$folder/up.log"; then break; fi
    kill -0 "$up" 2>/dev/null || { cat "$folder/up.log"; exit 1; }
    sleep 0.2
done
# shellcheck disable=SC1091
. "$folder/local.env"

ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; } # utime and stime
pid_of() { local name="REGENT_LOCAL_AGENT_PID_$1"; echo "${!name}"; }
declare -A before
for region in $REGENT_LOCAL_REGIONS; do before[$region]=$(ticks "$(pid_of "$region")"); done
sleep "$span"
hertz=$(getconf CLK_TCK)
for region in $REGENT_LOCAL_REGIONS; do
    pid=$(pid_of "$region")
    used=$(( $(ticks "$pid") - ${before[$region]} ))
    awk -v region="$region" -v used="$used" -v hertz="$hertz" -v span="$span" '
        /^VmRSS/ { rss = $2 / 1024 } /^VmHWM/ { peak = $2 / 1024 }
        END { printf "agent %s: %.1f MiB resident, %.1f at its peak; %.2f %% of one core over %d s\n",
              region, rss, peak, 100 * used / hertz / span, span }' "/proc/$pid/status"
done
grep -o '[a-z0-9-]* leads (epoch [0-9]*)' "$folder/up.log" | tail -n 1
