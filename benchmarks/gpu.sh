#!/bin/sh
# All that waits for a GPU, from an unpacked bundle, in parts that end by themselves: for a machine that is lent for a while.
#
#   bin/gpu.sh FOLDER PART...
#
#   tests        bin/quern-gpu-tests, everything                      at most 5 minutes
#   sanitizers   compute-sanitizer's four tools over kernels, engines, models and training; at most 1 minute each
#   timings      bin/quern-gpu-bench, everything                      at most 9 minutes
#   peers        bench/gpu_torch.py, everything                       at most 9 minutes
#   table        joins what the last two left in FOLDER to table.md
#
# Three calls of less than ten minutes do it all: `tests sanitizers`, `timings`, `peers table`. FOLDER gets what each part prints, with
# its status in the last line, reports of the tests, and the figures. A part that fails or runs out of time does not stop those
# after it; the status is 1 then. PYTHON is a python3 with PyTorch and transformers; SANITIZER replaces compute-sanitizer.
set -u
usage() { sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 2; }
[ $# -ge 2 ] || usage
folder=$1 status=0
shift
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
mkdir -p "$folder" || exit 1

# limited NAME SECONDS COMMAND...: prints the end of what the command printed; all of it is in FOLDER/NAME.log.
limited() {
  name=$1 seconds=$2
  shift 2
  begin=$(date +%s)
  timeout -k 10 "$seconds" "$@" >"$folder/$name.log" 2>&1
  code=$?
  case $code in
    0) said=passed ;;
    124 | 137) said="stopped after $seconds s" ;;
    *) said="failed with status $code" ;;
  esac
  echo "$name: $said, $(($(date +%s) - begin)) s" >>"$folder/$name.log"
  tail -n 15 "$folder/$name.log"
  [ "$code" = 0 ] || status=1
}

for part in "$@"; do
  case $part in
    tests)
      "$here/quern" devices
      limited tests 300 "$here/quern-gpu-tests" --details=tree --reports-dir="$folder/reports"
      ;;
    sanitizers)
      for tool in memcheck racecheck initcheck synccheck; do
        limited "$tool" 60 "${SANITIZER:-compute-sanitizer}" --tool "$tool" --target-processes all --error-exitcode 9 \
          "$here/quern-gpu-tests" GpuConformanceTest GpuGradientTest GpuEngineTest GpuModelsTest GpuDecodingTest GpuTrainingTest \
          GpuAmpereMatMulTest GpuHopperMatMulTest GpuHopperAttentionTest GpuSkinnyMatMulTest GpuFusedProductsTest GpuBlockFusedTest
      done
      ;;
    timings) limited timings 540 "$here/quern-gpu-bench" --json "$folder/quern.jsonl" ;;
    peers) limited peers 540 "${PYTHON:-python3}" "$here/../bench/gpu_torch.py" --json "$folder/torch.jsonl" --limit 100 ;;
    table)
      limited table 60 "$here/quern-gpu-bench" join "$folder/quern.jsonl" "$folder/torch.jsonl"
      sed '$d' "$folder/table.log" >"$folder/table.md"
      ;;
    *) usage ;;
  esac
done
exit $status
