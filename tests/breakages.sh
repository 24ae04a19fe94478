#!/usr/bin/env bash
# The tests of the tests: leaves out one rule of the brain at a time, and looks whether the model
# notices. Each breakage has a process of its own.
#
#   tests/breakages.sh            every breakage; writes docs/breakages.md; fails if one is missed
#   tests/breakages.sh NAME...    only these; writes nothing
set -euo pipefail
cd "$(dirname "$0")/.."

limit_s=${LIMIT_S:-300}
build=$(cargo test --locked --no-default-features --features breakages --lib --no-run 2>&1)
binary=$(sed -n 's/.*Executable.*(\(.*\))/\1/p' <<<"$build")
[ -n "$binary" ] || { printf '%s\n' "$build" >&2; exit 1; }

mapfile -t known < <(sed -n 's/^    [A-Z][A-Za-z]* "\([a-z-]*\)"$/\1/p' src/core/breakage.rs)
names=("$@")
[ "$#" -gt 0 ] || names=("${known[@]}")

table=$(mktemp)
trap 'rm -f "$table"' EXIT
missed=0
for name in "${names[@]}"; do
    rule=$(grep -A1 "\"$name\"$" src/core/breakage.rs | sed -n 's/^        "\(.*\)",$/\1/p')
    out=$(BREAK=$name timeout "$limit_s" "$binary" core::model::tests::hunt --exact --ignored --nocapture 2>&1) || true
    found=$(grep -m1 '^CAUGHT|' <<<"$out" || true)
    if [ -n "$found" ]; then
        IFS='|' read -r _ _ checker invariant size <<<"$found"
    elif grep -q 'panicked at src/core/' <<<"$out"; then
        checker="model" invariant="an assertion of the brain" size=""
    else
        checker="none" invariant="**missed**" size="" missed=$((missed + 1))
    fi
    printf '| %s | %s | %s | %s | %s |\n' "$name" "$rule" "$checker" "$invariant" "$size" | tee -a "$table"
done

if [ "$#" -eq 0 ]; then
    {
        printf '# What is noticed when a rule is left out\n\nWritten by `tests/breakages.sh`.\n\n'
        printf '| breakage | rule that is left out | checker (faults allowed) | what fired | after |\n|---|---|---|---|---|\n'
        cat "$table"
    } > docs/breakages.md
fi
printf '%s of %s missed\n' "$missed" "${#names[@]}"
[ "$missed" -eq 0 ]
