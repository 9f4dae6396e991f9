#!/usr/bin/env bash
# What jobs/bootstrap.sh says when something cannot be installed: one sentence with what to do, and exit code 3. Nothing is
# installed here: apt-get, and where need be Python, are stand-ins that fail as the real ones do.
set -euo pipefail
source_folder=${FACTSWEEP_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
cd "${FACTSWEEP_SCRATCH:-$(mktemp -d)}"
fail() { echo "FAILED: $*"; exit 1; }
python=$(python3 -c 'import venv, ensurepip, sys; print(sys.executable)') || { echo "needs a python3 with venv"; exit 77; }

# A PATH of what the script calls of any machine, and stand-ins before it.
mkdir -p tools stand-in
for tool in bash env cat grep tail awk df dirname cut sha256sum mkdir touch rm uname nproc; do
  ln -sf "$(command -v "$tool")" "tools/$tool"
done
stand_in() { # NAME SCRIPT
  printf '#!/usr/bin/env bash\n%s\n' "$2" >"stand-in/$1"
  chmod +x "stand-in/$1"
}

# CODE WORDS COMMANDS: what they end with, and say, after the script was sourced.
expect() {
  local code=$1 words=$2 rc=0
  env -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u PIP_FIND_LINKS -u Torch_DIR -u CMAKE_PREFIX_PATH -u FACTSWEEP_NO_INSTALL \
    PATH="$PWD/stand-in:$PWD/tools" FACTSWEEP_VENV="$PWD/a venv" PIP_CONFIG_FILE=/dev/null \
    bash -c "set -euo pipefail; source '$source_folder/jobs/bootstrap.sh'; $3" >messages 2>&1 </dev/null || rc=$?
  [ "$rc" = "$code" ] || { cat messages; fail "exit code $rc instead of $code: $3"; }
  grep -qE -e "$words" messages || { cat messages; fail "no '$words' in the messages of: $3"; }
  echo "passed: $words"
}

echo "--- packages"
stand_in dpkg-query 'exit 1'
stand_in id 'echo 0'
stand_in apt-cache 'echo "  Candidate: 1.0"'
stand_in apt-get '[ "$1" = update ] || { echo "E: Unable to fetch: Temporary failure resolving '"'mirror'"'"; exit 100; }'
expect 3 "apt-get reaches no mirror: connect" install_system_packages
stand_in apt-get "echo \"E: You don't have enough free space in /var/cache/apt/archives/.\"; exit 100"
expect 3 "the disk is full \(.* free in /usr.*free space, say by" install_system_packages
stand_in apt-get 'echo "E: Could not get lock /var/lib/dpkg/lock-frontend."; exit 100'
expect 3 "another apt-get or dpkg is at work: wait" install_system_packages
stand_in apt-get 'echo "E: dpkg was interrupted"; exit 100'
expect 3 "E: dpkg was interrupted" install_system_packages
expect 3 "could not install g\+\+ cmake .*, for the reason above" install_system_packages
stand_in apt-cache '[ "$2" = libsentencepiece-dev ] || echo "  Candidate: 1.0"'
stand_in apt-get ''
expect 3 "libsentencepiece-dev: +trains the tokenizer" install_system_packages
expect 3 "universe" install_system_packages
stand_in id 'echo 1000'
expect 0 "libhdf5-openmpi-dev: +parallel HDF5" install_system_packages
expect 0 "going on; if cmake misses one" install_system_packages
expect 0 "^nothing$" "FACTSWEEP_NO_INSTALL=1 install_system_packages; echo nothing"
rm stand-in/*

echo "--- Python"
expect 3 "there is no python3 on PATH: install" use_venv
stand_in python3 'exit 1'
expect 3 "stand-in/python3 makes no virtual environments .*: install python3-venv" use_venv
stand_in python3 "[ \"\$1\" = -c ] || { echo 'OSError: [Errno 28] No space left on device'; exit 1; }"
expect 3 "the disk is full \(.* name other places in FACTSWEEP_VENV" use_venv
[ -e "a venv/.unfinished" ] || fail "a virtual environment cut short bears no mark"
# a torch that python3 has, as in the environment of these tests, would make its other packages visible, pip among them
stand_in python3 "[ \"\$2\" != 'import torch' ] && exec '$python' \"\$@\""
expect 0 "made" "use_venv; python3 -m pip --version; echo made"
[ ! -e "a venv/.unfinished" ] || fail "a finished virtual environment bears the mark"
expect 3 "pip reaches no package index for no-such-package: connect" \
  "use_venv; PIP_INDEX_URL=http://127.0.0.1:9 PIP_RETRIES=1 install_unless_there no_such_package no-such-package"
expect 3 "the index has no torch==2.13.0 for Python 3.* Torch_DIR" \
  "use_venv; python3() { [ \"\$1\" != -c ] && env python3 \"\$@\"; }; PIP_NO_INDEX=1 install_torch"
mkdir -p unpacked/share/cmake/Torch
touch unpacked/share/cmake/Torch/TorchConfig.cmake
expect 0 "^found$" "CMAKE_PREFIX_PATH=/nowhere:$PWD/unpacked own_libtorch && ! Torch_DIR=$PWD/torch own_libtorch && echo found"
rm -rf "a venv"/lib/python*/site-packages/pip*
expect 3 "a venv has no pip that works: remove" use_venv

echo "--- tools"
expect 3 "there is no cmake on PATH: load a module" check_tools
stand_in cmake ''
stand_in ninja ''
expect 3 "there is no mpirun on PATH: install openmpi-bin" check_tools
echo "all checks passed"
