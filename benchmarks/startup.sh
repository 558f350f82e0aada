#!/usr/bin/env bash
# Start-up against llama.cpp: seconds from starting the process to the first byte of the first token, in pairs, and peak memory.
#
#   benchmarks/startup.sh [-t THREADS] [-p PROMPT] [-n GENERATED] [-w] LLAMA_COMPLETION MODEL.gguf [PAIRS]
#
#   -t   threads of both (2)          -p   the prompt ("Once upon a time ...", 18 tokens of a Llama 3)
#   -n   tokens generated where memory is measured, 0 to leave that out (256)
#   -w   let llama.cpp leave out its warm-up run (it makes one before it reads the prompt unless told otherwise)
#
# Prints two lines of a table's head and one Markdown row: medians over PAIRS pairs (7), the ratio of the medians, the smallest
# and largest ratio of a pair, Quern's smallest and largest time, and the peak of Quern's resident memory (VmHWM) beside the
# size of the file. Quern is first in every other pair. The file cache is warm: both run twice untimed, which also makes
# Quern's start-up archive. Nothing else may run meanwhile. QUERN=COMMAND replaces bin/quern.
set -euo pipefail
usage() { sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
threads=2 generated=256 warmup=()
prompt='Once upon a time there was a little girl who lived in a house with a cat'
while getopts t:p:n:w option; do
  case $option in
    t) threads=$OPTARG ;; p) prompt=$OPTARG ;; n) generated=$OPTARG ;; w) warmup=(--no-warmup) ;; *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || usage
peer=$1 model=$2 pairs=${3:-7}
messages=$(mktemp)
trap 'rm -f "$messages"' EXIT
export LC_ALL=C.UTF-8

quern() { # quern TOKENS
  exec "${QUERN:-$root/bin/quern}" generate -m "$model" -p "$prompt" -n "$1" -t "$threads" --ignore-end 2>"$messages"
}
llama() { # llama TOKENS
  exec "$peer" -m "$model" -p "$prompt" -n "$1" -t "$threads" --temp 0 --ignore-eos -no-cnv --no-display-prompt \
    ${warmup[@]+"${warmup[@]}"} </dev/null 2>/dev/null
}

# Seconds to the first byte on standard output. Both are asked for some tokens more than that: a token may have no text.
first_byte() { # first_byte quern|llama
  local begin=$EPOCHREALTIME end out byte
  exec {out}< <("$1" 4)
  IFS= read -r -N 1 -u "$out" byte || { echo "startup: $1 printed nothing" >&2; cat "$messages" >&2; return 1; }
  end=$EPOCHREALTIME
  cat <&"$out" >/dev/null
  exec {out}<&-
  wait $! 2>/dev/null || true
  awk -v b="$begin" -v e="$end" 'BEGIN { printf "%.4f\n", e - b }'
}

# VmHWM of Quern's process, in MB, asked for until it ends.
peak() {
  local out pid bytes=0 now
  exec {out}< <(quern "$generated")
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null || true)
    [ -z "$now" ] || bytes=$((now * 1024))
    sleep 0.02
  done
  exec {out}<&-
  echo $((bytes / 1000000))
}

for _ in 1 2; do
  for which in quern llama; do first_byte $which >/dev/null; done
done
tokens=$(sed -n 's/.*prompt \([0-9]*\) tokens.*/\1/p' "$messages")
samples=
for i in $(seq "$pairs"); do
  if [ $((i % 2)) = 1 ]; then ours=$(first_byte quern); fi
  theirs=$(first_byte llama)
  if [ $((i % 2)) = 0 ]; then ours=$(first_byte quern); fi
  samples+="$ours $theirs"$'\n'
done
peak=-
[ "$generated" = 0 ] || peak="$(peak) ($generated tokens)"
echo '| model | prompt | threads | Quern s | llama.cpp s | ratio | smallest to largest | Quern s, smallest to largest | pairs | file MB | Quern peak MB |'
echo '|---|---|---|---|---|---|---|---|---|---|---|'
printf '%s' "$samples" | awk -v model="$(basename "$model" .gguf)" -v tokens="$tokens" -v threads="$threads" \
  -v file="$(($(stat -c %s "$model") / 1000000))" -v peak="$peak" '
  function sort(v, n,   i, j, t) {
    for (i = 2; i <= n; i++) { t = v[i]; for (j = i - 1; j > 0 && v[j] > t; j--) v[j + 1] = v[j]; v[j + 1] = t }
  }
  function median(v, n) { return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }
  { ours[NR] = $1; theirs[NR] = $2; ratio[NR] = $2 / $1 }
  END {
    sort(ours, NR); sort(theirs, NR); sort(ratio, NR)
    printf "| %s | %s tokens | %s | %.3f | %.3f | %.2f | %.2f to %.2f | %.3f to %.3f | %d | %s | %s |\n", model, tokens, threads,
      median(ours, NR), median(theirs, NR), median(theirs, NR) / median(ours, NR), ratio[1], ratio[NR], ours[1], ours[NR], NR, file, peak
  }'
