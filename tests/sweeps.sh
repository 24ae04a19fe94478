#!/usr/bin/env bash
# Every step of every shipped runbook under every trouble, on the whole controller in the simulator: each
# run comes to an end, and nothing that must not be was. A part of this runs with the ordinary tests;
# this is all of it, optimised.
#
#   tests/sweeps.sh            runs it; fails if one case does not converge
#   tests/sweeps.sh --write    runs it, and writes docs/sweeps.md
set -euo pipefail
cd "$(dirname "$0")/.."

said=$(mktemp)
trap 'rm -f "$said"' EXIT
# With the feature of tests/breakages.sh, which needs the same build.
cargo test --locked --quiet --profile swarm --no-default-features --features breakages --lib -- \
    --ignored --exact \
    --nocapture sim::tests::sweeps::the_whole_table_converges > "$said" \
    || { tail -n 40 "$said"; echo "FAILED: a case does not converge"; exit 1; }
table=$(sed -n '/^TABLE BEGINS$/,/^TABLE ENDS$/{//!p}' "$said")
[ -n "$table" ] || { tail -n 40 "$said"; echo "FAILED: no table"; exit 1; }
echo "$table"
sed -n 's/^\([0-9]* cases converge\)$/ok: \1/p' "$said"

if [ "${1-}" = --write ]; then
    {
        printf '# Every step of every runbook, under every trouble\n\n'
        printf 'Written by `tests/sweeps.sh --write`: each cell is a run of the shipped runbook on the whole\n'
        printf 'controller, in the simulator, with a trouble that begins the moment the step is under way. It says\n'
        printf 'how the run ended and how long that took, with a person who approves what is asked, has what is stuck\n'
        printf 'tried again three times, and aborts or passes over it then. All judges of ARCHITECTURE.md watch.\n\n'
        printf '| trouble | what happens for eight seconds |\n|---|---|\n'
        printf '| Fails, FailsWithEffect | half of all calls to AWS fail, without or with their effect |\n'
        printf '| TimesOutWithEffect, TimesOutWithout | half of all answers are lost, of calls with or without effect |\n'
        printf '| Repeated | the order that started it, and every answer, is given once more |\n'
        printf '| LeaderDies, LeaderCutOff, LeaderPauses | the leader is lost before, in or after the step |\n'
        printf '| Aborted | a person aborts the run |\n'
        printf '| AutonomyOff | autonomy is set to observe for every action, for a minute |\n\n'
        printf '%s\n' "$table"
    } > docs/sweeps.md
fi
