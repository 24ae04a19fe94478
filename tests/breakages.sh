#!/usr/bin/env bash
# The tests of the tests: leaves out one rule of the brain at a time, and looks whether a checker
# notices: the swarm within so many short seeds; else the model within so many walks; else a plan
# that is kept for it. Each breakage has a process of its own; the unbroken brain must pass the same.
#
#   tests/breakages.sh            every breakage; fails if one is missed
#   tests/breakages.sh NAME...    only these
#   tests/breakages.sh --write    every breakage, and writes docs/breakages.md
set -euo pipefail
cd "$(dirname "$0")/.."

seeds=${SEEDS:-400}
walks=${WALKS:-3000}
corpus=src/sim/corpus

build="--profile swarm --no-default-features --features breakages"
# shellcheck disable=SC2086
cargo build --locked --quiet $build
# shellcheck disable=SC2086
tests=$(cargo test --locked --quiet $build --lib --no-run --message-format json | python3 -c '
import json, sys
for line in sys.stdin:
    made = json.loads(line)
    if made.get("executable") and made["target"]["name"] == "regent":
        print(made["executable"])
' | tail -n 1)
regent="${CARGO_TARGET_DIR:-target}/swarm/regent"
jobs=$(nproc)
# Many times what these seeds take on a slow machine: a run in which time stands still ends by itself.
limit_s=${LIMIT_S:-300}
write=false
if [ "${1-}" = --write ]; then write=true; shift; fi

"$regent" sim swarm --short --seeds "1..$seeds" --jobs "$jobs" > /dev/null \
    || { echo "FAILED: the unbroken brain on the same seeds"; exit 1; }
echo "the unbroken brain: nothing wrong in seeds 1..$seeds"
WALKS=$walks "$tests" --exact core::model::walks::walks_with_many_faults_break_nothing > /dev/null \
    || { echo "FAILED: the unbroken brain on the same walks"; exit 1; }
echo "the unbroken brain: nothing wrong in $walks walks"
for plan in "$corpus"/*.toml; do
    "$regent" sim run --plan "$plan" > /dev/null \
        || { echo "FAILED: the unbroken brain in $plan"; exit 1; }
done
echo "the unbroken brain: nothing wrong in the corpus"

# Prints «seed | what fired», or nothing, of what a swarm or a run has said.
first_failure() {
    python3 -c '
import json, re, sys
text = sys.stdin.read()

def fired(what):
    invariant = re.search(r"s: (.*?) was broken", what)
    return invariant[1] if invariant else what.splitlines()[0]

try:
    said = json.loads(text)
except ValueError:
    # The brain gave up by itself: one of its assertions.
    assertion = re.search(r"panicked at (src/core/\S+?):\d+:\d+:\n(.*)", text)
    if assertion:
        print(f"1 | the assertion «{assertion[2]}»")
    sys.exit()
failed = said.get("failed")
if isinstance(failed, str):
    print("kept |", fired(failed))
elif failed:
    first = min(failed, key=lambda one: one["seed"])
    print(first["seed"], "|", fired(first["what"]))
'
}

# Prints «checker | seed | what fired», or nothing.
hunt() {
    local name=$1 said found
    said=$(timeout "$limit_s" "$regent" sim swarm --short --seeds "1..$seeds" --jobs "$jobs" \
        --until-failure --break "$name" --json 2>&1) || true
    found=$(first_failure <<< "$said")
    if [ -n "$found" ]; then echo "swarm | $found"; return; fi
    said=$(BREAK=$name WALKS=$walks timeout "$limit_s" "$tests" --ignored --exact --nocapture \
        core::model::walks::hunt 2>&1) || true
    found=$(sed -n 's/^CAUGHT|\([^|]*\)|\([^|]*\)|.*$/\1 | \2/p' <<< "$said")
    if [ -n "$found" ]; then echo "model | $found"; return; fi
    for plan in "$corpus/$name"*.toml; do
        if ! [ -e "$plan" ]; then continue; fi
        said=$(timeout "$limit_s" "$regent" sim run --plan "$plan" --break "$name" --json 2>&1) \
            || true
        found=$(first_failure <<< "$said")
        if [ -n "$found" ]; then echo "swarm, $(basename "$plan") | $found"; return; fi
    done
}

mapfile -t known < <("$regent" sim breakages --json \
    | python3 -c 'import json, sys; [print(b["name"], b["rule"], sep="\t") for b in json.load(sys.stdin)]')
table=$(mktemp)
trap 'rm -f "$table"' EXIT
caught=0 missed=0
for line in "${known[@]}"; do
    name=${line%%$'\t'*} rule=${line#*$'\t'}
    if [ "$#" -gt 0 ] && ! [[ " $* " == *" $name "* ]]; then continue; fi
    found=$(hunt "$name")
    if [ -n "$found" ]; then
        caught=$((caught + 1))
    else
        missed=$((missed + 1)) found="– | – | **missed**"
    fi
    printf '| `%s` | %s | %s |\n' "$name" "$rule" "$found" | tee -a "$table"
done

if $write; then
    {
        printf '# What is noticed when a rule is left out\n\n'
        printf 'Written by `tests/breakages.sh`: each rule is left out of the brain, by itself. The swarm runs\n'
        printf 'short seeds 1..%s; what it does not notice, the model is given %s walks for (`core::model`,\n' "$seeds" "$walks"
        printf '`walks`); and for what needs more than chance, a plan is kept in `%s`. The unbroken\n' "$corpus"
        printf 'brain passes all of it. To add a breakage: a line in `src/core/breakage.rs`, and\n'
        printf '`if broken(Breakage::…)` where its rule is kept.\n\n'
        printf '| breakage | rule that is left out | checker | first seed | what fired |\n|---|---|---|---|---|\n'
        cat "$table"
    } > docs/breakages.md
fi
printf '\n%d passed, %d failed\n' "$caught" "$missed"
[ "$missed" -eq 0 ]
