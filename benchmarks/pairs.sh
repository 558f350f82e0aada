#!/usr/bin/env bash
# Paired whole-model measurements against llama.cpp: Quern and llama-bench in turn, on the same file, on a quiet machine.
#
#   benchmarks/pairs.sh LLAMA_BENCH MODEL.gguf [PAIRS] [QUERN OPTIONS...]
#
# Prints a Markdown row for prefill of 512 tokens and one for decode of 64: medians in tokens/s, the median ratio of the
# pairs and the smallest. DEPTH=N measures with N tokens in the cache, THREADS=N with N threads (2), LLAMA="..." adds
# options for llama-bench (for example "-fa 1"). Nothing else may run meanwhile.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
peer=$1 model=$2 pairs=${3:-7}
shift $(($# < 3 ? $# : 3))
threads=${THREADS:-2} depth=${DEPTH:-0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for _ in $(seq "$pairs"); do
  for test in prefill decode; do
    if [ $test = prefill ]; then size=(-p 512 -n 0); else size=(-p 0 -n 64); fi
    "${QUERN:-$root/bin/quern}" bench -m "$model" "${size[@]}" -d "$depth" -t "$threads" -r 1 --json "$@" 2>/dev/null |
      sed -n 's/.*"median_tokens_per_second":\([0-9.]*\).*/\1/p' >>"$work/$test.quern"
    # shellcheck disable=SC2086 # LLAMA is a list of words
    "$peer" -m "$model" "${size[@]}" -d "$depth" -t "$threads" -r 1 -o csv ${LLAMA:-} 2>/dev/null |
      tail -n 1 | awk -F'","' '{ print $(NF - 1) }' >>"$work/$test.peer"
  done
done

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
for test in prefill decode; do
  paste "$work/$test.quern" "$work/$test.peer" | awk '{ print $1 / $2 }' >"$work/$test.ratio"
  printf '| %s | %s | %d | %d | %.1f | %.1f | %.2f | %.2f |\n' "$(basename "$model" .gguf)" $test "$depth" "$threads" \
    "$(median "$work/$test.quern")" "$(median "$work/$test.peer")" "$(median "$work/$test.ratio")" \
    "$(sort -n "$work/$test.ratio" | head -n 1)"
done
