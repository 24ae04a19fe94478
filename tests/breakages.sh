#!/usr/bin/env bash
# The tests of the tests: leaves out one rule of the brain at a time, and looks whether the swarm
# notices within so many seeds. Each breakage has a process of its own; the same seeds must find
# nothing in the unbroken brain.
#
#   tests/breakages.sh            every breakage; fails if one within reach is missed
#   tests/breakages.sh NAME...    only these
#   tests/breakages.sh --write    every breakage, and writes docs/breakages.md
set -euo pipefail
cd "$(dirname "$0")/.."

seeds=${SEEDS:-400}
# What the swarm's short runs do not reach yet; docs/breakages.md says why.
out_of_reach="swap-on-epoch empty-is-free recreated-counts gone-back-counts old-ack-counts \
calls-past-lease higher-fence-taken stale-taken-as-fresh upsert-records unknown-taken-as-failed"

cargo build --locked --quiet --profile swarm --no-default-features --features breakages
regent="${CARGO_TARGET_DIR:-target}/swarm/regent"
jobs=$(nproc)
# Several times what these seeds take; a run that comes to no end fills the memory meanwhile.
limit_s=${LIMIT_S:-60}
write=false
if [ "${1-}" = --write ]; then write=true; shift; fi

"$regent" sim swarm --short --seeds "1..$seeds" --jobs "$jobs" > /dev/null \
    || { echo "FAILED: the unbroken brain on the same seeds"; exit 1; }
echo "the unbroken brain: nothing wrong in seeds 1..$seeds"

# Prints «seed | what fired», or nothing.
first_failure() {
    python3 -c '
import json, re, sys
text = sys.stdin.read()
try:
    failed = json.loads(text)["failed"]
except ValueError:
    # The brain gave up by itself: one of its assertions.
    assertion = re.search(r"panicked at (src/core/\S+?):\d+:\d+:\n(.*)", text)
    if assertion:
        print(f"1 | the assertion «{assertion[2]}»")
    sys.exit()
if failed:
    first = min(failed, key=lambda one: one["seed"])
    invariant = re.search(r"s: (.*?) was broken", first["what"])
    print(first["seed"], "|", invariant[1] if invariant else first["what"].splitlines()[0])
'
}

mapfile -t known < <("$regent" sim breakages --json \
    | python3 -c 'import json, sys; [print(b["name"], b["rule"], sep="\t") for b in json.load(sys.stdin)]')
table=$(mktemp)
trap 'rm -f "$table"' EXIT
caught=0 missed=0 unreached=0
for line in "${known[@]}"; do
    name=${line%%$'\t'*} rule=${line#*$'\t'}
    if [ "$#" -gt 0 ] && ! [[ " $* " == *" $name "* ]]; then continue; fi
    status=0
    said=$(timeout "$limit_s" "$regent" sim swarm --short --seeds "1..$seeds" --jobs "$jobs" \
        --until-failure --break "$name" --json 2>&1) || status=$?
    found=$(first_failure <<< "$said")
    if [ "$status" = 124 ]; then found="1 | the run comes to no end"; fi
    if [ -n "$found" ]; then
        caught=$((caught + 1))
    elif [[ " $out_of_reach " == *" $name "* ]]; then
        unreached=$((unreached + 1)) found="– | not reached by these seeds"
    else
        missed=$((missed + 1)) found="– | **missed**"
    fi
    printf '| `%s` | %s | %s |\n' "$name" "$rule" "$found" | tee -a "$table"
done

if $write; then
    {
        printf '# What is noticed when a rule is left out\n\n'
        printf 'Written by `tests/breakages.sh`: each rule is left out of the brain, by itself, and the swarm runs\n'
        printf 'short seeds 1..%s. The unbroken brain passes the same seeds. To add a breakage: a line in\n' "$seeds"
        printf '`src/core/breakage.rs`, and `if broken(Breakage::…)` where its rule is kept.\n\n'
        printf '| breakage | rule that is left out | first seed | what fired |\n|---|---|---|---|\n'
        cat "$table"
        printf '\nWhat is not reached is what these runs have no fault for, or what a second line of defence makes\n'
        printf 'good: it is no proof of anything, and the model (`core::model`) hunts for some of it by hand.\n'
    } > docs/breakages.md
fi
printf '\n%d passed, %d failed, %d skipped\n' "$caught" "$missed" "$unreached"
[ "$missed" -eq 0 ]
