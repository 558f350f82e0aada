#!/usr/bin/env bash
# Matrix products of Quern and of MKL, oneDNN, OpenBLAS and PyTorch's CPU library, one process for each, on a quiet machine.
#
#   benchmarks/peers.sh [-y "F32 BF16"] [-t "1 2"] [-l "LIBRARIES"] [-n] RESULTS [JMH OPTIONS...]
#
#   -y   types of the weight                     -l   of: quern quern16 (BF16 in and out) java (pure Java) mkl onednn openblas pytorch
#   -t   numbers of threads                      -n   measure nothing, only print the table
#
# RESULTS is a folder that keeps what was measured: a later call adds to it, so that short calls make a long measurement.
# Prints the table of all that is there, as PeerRows.java says. Build first, with the peers (some 400 MB from Maven Central):
#   mvn -Ppeers -DskipTests -pl benchmarks -am package
# PEERS_CLASSPATH replaces the class path of that build.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
types="F32 BF16" threads="1 2" libraries="quern quern16 java mkl onednn openblas pytorch" measure=1
usage() { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2; }
while getopts y:t:l:n option; do
  case $option in
    y) types=$OPTARG ;; t) threads=$OPTARG ;; l) libraries=$OPTARG ;; n) measure= ;; *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || usage
results=$1
shift
mkdir -p "$results"
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

for type in ${measure:+$types}; do
  for count in $threads; do
    for library in $libraries; do
      case $library-$type in openblas-BF16 | java-BF16 | quern16-F32) continue ;; esac
      # Without a place for each thread, OpenMP runs stall now and then; OpenBLAS would pin both threads to one core.
      binding=(OMP_PROC_BIND=true OMP_PLACES=cores)
      case $library in openblas | quern* | java) binding=() ;; esac
      file=$(mktemp "$results/$library-$type-$count-XXXXXX.json")
      env OMP_NUM_THREADS="$count" OPENBLAS_NUM_THREADS="$count" "${binding[@]}" \
        "$java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -Xmx4g -Dquern.threads="$count" \
        -cp "${PEERS_CLASSPATH:-$root/benchmarks/target/classes:$(cat "$root/benchmarks/target/peers.classpath")}" \
        org.openjdk.jmh.Main PeerGemmBench -f 0 -foe true -p library="$library" -p type="$type" -p threads="$count" \
        -rf json -rff "$file" "$@" >"$file.log" 2>&1 || { tail -n 20 "$file.log" >&2; exit 1; }
      [ -s "$file" ] || { echo "peers: $library measured nothing in $type; see $file.log" >&2; rm "$file"; }
    done
  done
done
exec "$java" "$root/benchmarks/PeerRows.java" "$results"
