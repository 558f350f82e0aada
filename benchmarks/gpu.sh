#!/bin/sh
# All that waits for a GPU, from an unpacked bundle: for a machine that is lent for a while.
#
#   bin/gpu.sh FOLDER PART[:STEP]...
#   bin/gpu.sh --list                     each part's steps
#
#   tests        bin/quern-gpu-tests, groups of classes
#   memcheck, racecheck, initcheck, synccheck
#                the kernels' and models' tests under that tool of compute-sanitizer, which comes with the CUDA toolkit
#   timings      bin/quern-gpu-bench, its sections
#   peers        bench/gpu_torch.py, the same sections
#   table        joins what the last two left in FOLDER to table.md
#
# Each step is a process with a limit of its own, since a kernel that fails or hangs takes its process with it, and the most important
# come first. A call ends in less than ten minutes, whatever its parts: a step has no more than what is left of LIMIT (540 seconds),
# and what there is no time for is named. A step that is asked for alone may take all of it. FOLDER gets PART-STEP.log, reports of
# the tests, the figures, and a line of summary.txt for each step; the status is 1 if one did not pass. PYTHON is a python3
# with PyTorch and transformers; SANITIZER is where compute-sanitizer is, if that is not on the path.
set -u
limit=${LIMIT:-540} least=10 status=0
end=$(($(date +%s) + limit))
sanitizer=${SANITIZER:-compute-sanitizer}
parts='tests memcheck racecheck initcheck synccheck timings peers table'

# The part's steps in their order, each with its limit in seconds.
steps() {
  case $1 in
    tests)
      echo devices:30 base:60 conformance:150 products:90 hopper:90 decoding:90 training:60 gradient:90 fused:60 library:60 \
        endurance:120 others:60
      ;;
    memcheck | racecheck | initcheck | synccheck)
      echo conformance:240 products:120 hopper:120 decoding:120 training:120 gradient:120 fused:120 base:60
      ;;
    timings) echo copy:40 matmul:150 attention:90 decode:150 train:90 quantized:60 elementwise:60 rows:90 overhead:45 ;;
    peers) echo copy:40 matmul:120 attention:90 decode:150 train:90 elementwise:60 rows:75 overhead:40 ;;
    table) echo join:30 ;; # on top of the call's limit
    *) return 1 ;;
  esac
}

# The classes of a step of the tests.
classes() {
  case $1 in
    base) echo GpuMemoryTest GpuBackendTest GpuEngineTest ;;
    conformance) echo GpuConformanceTest ;;
    products) echo GpuAmpereMatMulTest GpuSkinnyMatMulTest GpuFusedProductsTest GpuRoundedProductsTest GpuBlockFusedTest ;;
    hopper) echo GpuHopperMatMulTest GpuHopperAttentionTest ;;
    decoding) echo GpuModelsTest GpuDecodingTest ;;
    training) echo GpuTrainingTest ;;
    gradient) echo GpuGradientTest ;;
    fused) echo GpuInferenceFusedTest GpuTrainingFusedTest ;;
    library) echo GpuCublasLtTest ;;
    endurance) echo GpuEnduranceTest ;;
  esac
}

# names STEP:SECONDS...: the steps alone.
names() {
  for s in "$@"; do printf '%s ' "${s%%:*}"; done
}

refuse() {
  echo "gpu.sh: $1" >&2
  exit 2
}

# limited SECONDS COMMAND...: runs the part's step, and prints the end of what it printed.
limited() {
  seconds=$1 log=$folder/$part-$step.log
  shift
  begin=$(date +%s)
  left=$((end - begin))
  [ "$part" != table ] || left=$seconds
  [ "$seconds" -le "$left" ] || seconds=$left
  if [ "$seconds" -lt "$least" ]; then
    said="not begun: the call's $limit s are over; ask for $part:$step" code=1
  else
    timeout -k 5 "$seconds" "$@" >"$log" 2>&1
    code=$?
    case $code in
      0) said=passed ;;
      124 | 137) said="stopped after $seconds s" ;;
      *) said="failed with status $code" ;;
    esac
    said="$said, $(($(date +%s) - begin)) s"
    echo "$part $step: $said" >>"$log"
    tail -n 15 "$log" | sed '$d'
  fi
  echo "$part $step: $said" | tee -a "$folder/summary.txt"
  [ "$code" = 0 ] || status=1
}

# run SECONDS: the part's step.
run() {
  seconds=$1
  case $part-$step in
    tests-devices) limited "$seconds" "$here/quern" devices ;;
    tests-others) # classes that no step names
      all=$(for s in $(names $(steps tests)); do classes "$s"; done | tr '\n ' '||')
      limited "$seconds" "$here/quern-gpu-tests" --details=tree --reports-dir="$folder/reports/$step" \
        "--exclude-classname=.*\\.(${all%|})"
      ;;
    tests-*)
      limited "$seconds" "$here/quern-gpu-tests" --details=tree --reports-dir="$folder/reports/$step" --fail-if-no-tests \
        $(classes "$step")
      ;;
    *check-*)
      limited "$seconds" "$sanitizer" --tool "$part" --target-processes all --error-exitcode 9 \
        "$here/quern-gpu-tests" --details=tree --fail-if-no-tests $(classes "$step")
      ;;
    timings-*) limited "$seconds" "$here/quern-gpu-bench" --json "$folder/quern.jsonl" "$step" ;;
    peers-*) # what begins late still has some time
      limited "$seconds" "${PYTHON:-python3}" "$here/../bench/gpu_torch.py" --json "$folder/torch.jsonl" \
        --limit $((seconds * 2 / 3)) "$step"
      ;;
    table-join)
      [ -e "$folder/torch.jsonl" ] || : >"$folder/torch.jsonl" # Quern's alone
      limited "$seconds" "$here/quern-gpu-bench" join --out "$folder/table.md" "$folder/quern.jsonl" "$folder/torch.jsonl"
      ;;
  esac
}

if [ "$*" = --list ]; then
  for part in $parts; do
    echo "$part: $(names $(steps "$part"))"
  done
  exit 0
fi
if [ $# -lt 2 ]; then
  sed -n '2,20s/^# \{0,1\}//p' "$0"
  exit 2
fi
folder=$1
shift
for asked in "$@"; do
  part=${asked%%:*}
  all=$(steps "$part") || refuse "there is no part $part; there are $parts"
  case $asked in
    *:*)
      case " $(names $all)" in
        *" ${asked#*:} "*) ;;
        *) refuse "$part has no step ${asked#*:}; it has $(names $all)" ;;
      esac
      ;;
  esac
done
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
mkdir -p "$folder" || exit 1

for asked in "$@"; do
  part=${asked%%:*}
  case $part in
    *check)
      if ! command -v "$sanitizer" >/dev/null; then
        echo "$part: there is no $sanitizer; install compute-sanitizer of the CUDA toolkit, or set SANITIZER to where it is" |
          tee -a "$folder/summary.txt" >&2
        status=1
        continue
      fi
      ;;
  esac
  for one in $(steps "$part"); do
    step=${one%%:*}
    case $asked in
      "$part") run "${one#*:}" ;;
      "$part:$step") run "$limit" ;;
    esac
  done
done
exit $status
