#!/usr/bin/env bash
# Paired whole-model measurements against llama.cpp: Quern and llama-bench in turn, on the same file, on a quiet machine.
#
#   benchmarks/pairs.sh [-t THREADS] [-d DEPTH] [-p PROMPT] [-n GENERATED] [-r RUNS] [-o SAMPLES] \
#       LLAMA_BENCH[,LLAMA_BENCH...] MODEL.gguf [PAIRS] [QUERN OPTIONS...]
#
#   -t   threads of both (2)                  -p   tokens of the prefill test, 0 for none (512)
#   -d   tokens already in the cache (0)      -n   tokens of the decode test, 0 for none (64)
#   -r   timed runs in a process, of which the median counts (1)
#   -o   a file that keeps the samples: a later call adds pairs to those that are there, so that short calls make a long
#        measurement, and 0 PAIRS only prints the rows
#
# Prints two lines of a table's head and one Markdown row a test, as PairRows.java says. llama.cpp runs at its best for the
# row: each binary given (one may be built without AMX) runs once with flash attention off and once with it on, and the
# fastest meets Quern in PAIRS pairs (7). Quern is first in every other pair. Nothing else may run meanwhile.
# QUERN=COMMAND replaces bin/quern.
set -euo pipefail
usage() { sed -n '2,18s/^# \{0,1\}//p' "$0"; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
threads=2 depth=0 prompt=512 generated=64 runs=1 samples=
while getopts t:d:p:n:r:o: option; do
  case $option in
    t) threads=$OPTARG ;; d) depth=$OPTARG ;; p) prompt=$OPTARG ;; n) generated=$OPTARG ;;
    r) runs=$OPTARG ;; o) samples=$OPTARG ;; *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || usage
IFS=, read -ra peers <<<"$1"
model=$2 pairs=${3:-7}
shift $(($# < 3 ? $# : 3))
quern_options=("$@")
if [ -z "$samples" ]; then
  samples=$(mktemp)
  trap 'rm -f "$samples"' EXIT
fi
touch "$samples"

# The median of one test's samples, from JSON on standard input with the samples under the key given.
median_of() {
  sed -n "s/.*\"$1\": *\[\([^]]*\)\].*/\1/p" | tr -d ' ' | tr , '\n' | sort -n |
    awk '{ v[NR] = $1 } END { if (!NR) exit 1; print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

quern() {
  "${QUERN:-$root/bin/quern}" bench -m "$model" "${size[@]}" -d "$depth" -t "$threads" -r "$runs" --json \
    ${quern_options[@]+"${quern_options[@]}"} 2> >(grep -v incubator >&2) | median_of samples_tokens_per_second
}

# llama BINARY FLASH_ATTENTION
llama() {
  "$1" -m "$model" "${size[@]}" -d "$depth" -t "$threads" -r "$runs" -fa "$2" -o jsonl 2>/dev/null | median_of samples_ts ||
    { echo "pairs: $1 failed on $model" >&2; return 1; }
}

measure() { # measure TEST TOKENS
  local key best binary attention ours theirs i
  key=$(printf '%s\t%s\t%d\t%d\t%d' "$(basename "$model" .gguf)" "$1" "$2" "$depth" "$threads")
  if ! grep -qF "probe	$key	" "$samples" && [ "$pairs" -gt 0 ]; then
    for binary in "${peers[@]}"; do
      for attention in 0 1; do
        theirs=$(llama "$binary" $attention)
        printf 'probe\t%s\t-\t%s\t%s -fa %d\n' "$key" "$theirs" "$binary" $attention >>"$samples"
      done
    done
  fi
  best=$(grep -F "probe	$key	" "$samples" | sort -t '	' -k 8,8gr | head -n 1 | cut -f 9 || true)
  for i in $(seq "$pairs"); do
    if [ $((i % 2)) = 1 ]; then ours=$(quern); fi
    theirs=$(llama "${best% -fa *}" "${best##* }")
    if [ $((i % 2)) = 0 ]; then ours=$(quern); fi
    printf 'pair\t%s\t%s\t%s\t%s\n' "$key" "$ours" "$theirs" "$best" >>"$samples"
  done
}

if [ "$prompt" -gt 0 ]; then size=(-p "$prompt" -n 0) && measure prefill "$prompt"; fi
if [ "$generated" -gt 0 ]; then size=(-p 0 -n "$generated") && measure decode "$generated"; fi
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" "$root/benchmarks/PairRows.java" "$samples"
