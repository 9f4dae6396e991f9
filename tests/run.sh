#!/usr/bin/env bash
# Builds factsweep and runs every test that this machine can run: C++ unit and MPI tests (ctest), Python tests of the
# analysis (pytest), tests/system/*.sh, which run the program as a user would, tests/slurm/run.sh and tests/cuda/run.sh.
# The last line is 'N passed, N failed, N skipped'.
#
#   tests/run.sh [tests/system/NAME.sh ...]      these scripts instead of all of them
#   FACTSWEEP_PRESET=ci tests/run.sh             another preset of CMakePresets.json than release
#   FACTSWEEP_CUDA_COMPILE=1 tests/run.sh        also compiles against a CUDA libtorch (tests/cuda/compile.sh)
#
# These scripts find: FACTSWEEP (the program), FACTSWEEP_SOURCE (the repository), FACTSWEEP_DATA (real data, where there
# is any), FACTSWEEP_SMOLLM2 (a real small model, where it could be made), FACTSWEEP_SCRATCH (an empty folder, their
# working directory). Exit code 77 means skipped; the reason is the last line printed.
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../jobs/bootstrap.sh
source "$(dirname "${BASH_SOURCE[0]}")/../jobs/bootstrap.sh"
cd "$factsweep_root" || exit 3
export FACTSWEEP_TESTS=1
set -e
bootstrap
preset=${FACTSWEEP_PRESET:-release}
case $preset in
  release | ci) build=build ;;
  *) build=build-$preset ;;
esac
cmake --preset "$preset" -DBUILD_TESTING=ON
cmake --build --preset "$preset"
set +e

results=$build/test-results
rm -rf "$results"
mkdir -p "$results"
export FACTSWEEP=$factsweep_root/$build/factsweep FACTSWEEP_SOURCE=$factsweep_root
if [ -z "${FACTSWEEP_DATA:-}" ] && [ -d "$factsweep_root/../shared/data" ]; then
  FACTSWEEP_DATA=$(cd "$factsweep_root/../shared/data" && pwd)
  export FACTSWEEP_DATA
fi
# Most tests that start ranks start two.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(threads_per_rank 2)}

# Most tests are commands of one thread: as many run at a time as there are cores, four at most. nproc counts no more than
# OMP_NUM_THREADS where it is set.
lanes=$(env -u OMP_NUM_THREADS nproc)
[ "$lanes" -le 4 ] || lanes=4

ctest --test-dir "$build" --parallel "$lanes" --output-on-failure --output-junit "$factsweep_root/$results/ctest.xml"
ctest_rc=$?

run_pytest() {
  python3 -m pytest -q --junitxml="$results/pytest.xml" tests/analysis >"$results/pytest.log" 2>&1
  echo $? >"$results/pytest.code"
  cat "$results/pytest.log"
}

if [ -z "${FACTSWEEP_SMOLLM2:-}" ]; then
  if FACTSWEEP_VENV=${FACTSWEEP_VENV:-$factsweep_root/.venv} jobs/get-smollm2.sh .cache/smollm2; then
    export FACTSWEEP_SMOLLM2=$factsweep_root/.cache/smollm2
  else
    echo "tests: no SmolLM2 here; tests that need it will skip"
  fi
fi

# Runs one script and leaves its exit code in a file beside its log.
run_script() {
  local script=$1 name log rc scratch started=$SECONDS
  name=${script#tests/}
  name=${name%.sh}
  log=$results/${name//\//.}.log
  scratch=$(mktemp -d)
  (cd "$scratch" && FACTSWEEP_SCRATCH=$scratch exec bash "$factsweep_root/$script") >"$log" 2>&1 </dev/null
  rc=$?
  case $rc in
    0) echo "$name: passed ($((SECONDS - started)) s)" ;;
    77) echo "$name: skipped: $(tail -n 1 "$log")" ;;
    *) printf '%s\n%s\n' "$name: FAILED with exit code $rc; last lines of $log:" "$(tail -n 40 "$log")" ;;
  esac
  echo "$rc" >"${log%.log}.code"
  rm -rf "$scratch"
}
if [ $# -gt 0 ]; then
  scripts=("$@")
else
  shopt -s nullglob
  scripts=()
  for script in tests/system/*.sh; do
    [ "$script" = tests/system/support.sh ] || scripts+=("$script")   # sourced by the others
  done
  scripts+=(tests/slurm/run.sh tests/cuda/run.sh)
  # Half a gigabyte of CUDA wheel is more than a user's first test run should fetch.
  [ "${FACTSWEEP_CUDA_COMPILE:-0}" = 0 ] || scripts+=(tests/cuda/compile.sh)
fi

# One more than there are cores, as mpirun waits a third of its time.
run_pytest &
alone=() running=1
for script in "${scripts[@]}"; do
  [[ $script == tests/system/* ]] || { alone+=("$script"); continue; }
  [ "$running" -le "$lanes" ] || { wait -n; running=$((running - 1)); }
  run_script "$script" &
  running=$((running + 1))
done
wait
pytest_rc=$(cat "$results/pytest.code")
# The others need the machine for themselves.
for script in ${alone[@]+"${alone[@]}"}; do
  run_script "$script"
done

passed=0 failed=0 skipped=0 broken=()
for script in "${scripts[@]}"; do
  name=${script#tests/}
  name=${name%.sh}
  case $(cat "$results/${name//\//.}.code" 2>/dev/null || echo 3) in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *) failed=$((failed + 1)); broken+=("$name") ;;
  esac
done

# Adds the counts of the two JUnit files and says what was skipped, and why: whole entries of ctest, and cases of programs that
# passed (tests/support/skip.hpp). A runner that died before writing its file counts as a failure.
counts=$(python3 - "$results/ctest.xml" "$ctest_rc" "$results/pytest.xml" "$pytest_rc" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

passed = failed = skipped = 0
for path, code in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    bad = 0
    try:
        for case in tree.parse(path).iter("testcase"):
            kinds = {child.tag: child for child in case}
            reasons = [line for line in (case.findtext("system-out") or "").splitlines() if line.startswith("skipped: ")]
            if {"failure", "error"} & kinds.keys() or case.get("status") == "fail":
                bad += 1
            elif "skipped" in kinds or case.get("status") in ("notrun", "disabled"):
                skipped += 1
                if not reasons and "skipped" in kinds:
                    reasons = ["skipped: " + kinds["skipped"].get("message", "")]
            else:
                passed += 1
            for reason in reasons:
                print(f"{case.get('name')}: {reason}", file=sys.stderr)
    except (OSError, tree.ParseError):
        pass
    failed += max(bad, int(code != 0))
print(passed, failed, skipped)
PYTHON
) || exit 1
read -r more_passed more_failed more_skipped <<<"$counts"
passed=$((passed + more_passed)) failed=$((failed + more_failed)) skipped=$((skipped + more_skipped))

[ ${#broken[@]} -eq 0 ] || echo "failed: ${broken[*]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
