#!/usr/bin/env bash
# Kills a training run KILLS times (200) at random moments, resumes it each time, and holds its weights against those of
# an undisturbed run, bit for bit: KillTest, which the usual tests run with 10.
#
#   transformer/kill-test.sh [KILLS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec mvn -B -pl transformer -am test -Dtest=KillTest -Dsurefire.failIfNoSpecifiedTests=false \
  -Dquern.test.argument="-Dquern.test.kills=${1:-200}"
