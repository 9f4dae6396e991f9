# Sourced by the other scripts: makes sure that what factsweep is built and tested with is there, installing only what is
# missing. Does nothing on a machine that has it all.
#
# Looks at     Torch_DIR, CMAKE_PREFIX_PATH   a libtorch of your own (a module, an unpacked archive)
#              FACTSWEEP_VENV                 the Python virtual environment to use or make (default: .venv)
#              FACTSWEEP_NO_INSTALL=1         system packages come from modules: do not call apt-get
# Sets         factsweep_root, PATH (virtual environment first), and what Open MPI wants of root
# shellcheck shell=bash

factsweep_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

factsweep_packages=(
  g++ cmake ninja-build ccache pkg-config python3-venv
  libopenmpi-dev openmpi-bin libhdf5-openmpi-dev hdf5-tools
  libboost-program-options-dev libfmt-dev nlohmann-json3-dev catch2
  libpcre2-dev libicu-dev zlib1g-dev libsentencepiece-dev
)

install_system_packages() {
  [ "${FACTSWEEP_NO_INSTALL:-0}" = 0 ] && command -v dpkg-query >/dev/null || return 0
  local package missing=() become=()
  for package in "${factsweep_packages[@]}"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    # Without a terminal sudo could only wait for a password that nobody types.
    if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
      echo "bootstrap: not installed as packages: ${missing[*]}" >&2
      echo "bootstrap: going on; if cmake misses one, install it or load your site's module" >&2
      return 0
    fi
    become=(sudo)
  fi
  echo "bootstrap: installing ${missing[*]}" >&2
  "${become[@]}" apt-get update -qq
  "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

own_libtorch() { [ -n "${Torch_DIR:-}" ] || [[ ${CMAKE_PREFIX_PATH:-} == *torch* ]]; }

# The virtual environment, first on PATH. A torch that python3 already imports (a module, a container) stays visible in
# a new one instead of being installed again.
use_venv() {
  local venv=${FACTSWEEP_VENV:-$factsweep_root/.venv} options=()
  if [ ! -x "$venv/bin/python" ]; then
    if python3 -c 'import torch' 2>/dev/null; then options+=(--system-site-packages); fi
    python3 -m venv "${options[@]}" "$venv"
  fi
  export PATH="$venv/bin:$PATH"
}

# IMPORT PACKAGE...: what python3 cannot import is installed. One at a time, so that a failure names its package.
install_unless_there() {
  python3 -c "import $1" 2>/dev/null && return
  echo "bootstrap: installing ${*:2}" >&2
  python3 -m pip install --quiet "${@:2}"
}
# On most x86-64 machines a build for CUDA, which works on cores alone, too.
install_torch() { install_unless_there torch torch==2.13.0; }

# pip is asked again only when a requirements file has changed since it last succeeded.
install_python_packages() {
  local venv=${FACTSWEEP_VENV:-$factsweep_root/.venv}
  local requirements=("$factsweep_root/analysis/requirements.txt") file stamp
  [ "${FACTSWEEP_TESTS:-0}" = 0 ] || requirements+=("$factsweep_root/tests/requirements.txt")
  use_venv
  own_libtorch || install_torch
  for file in "${requirements[@]}"; do
    stamp=$venv/.factsweep-$(sha256sum <"$file" | cut -c1-16)
    [ ! -e "$stamp" ] || continue
    echo "bootstrap: installing ${file#"$factsweep_root"/} into $venv" >&2
    python3 -m pip install --quiet -r "$file"
    touch "$stamp"
  done
}

# Cores for each of N ranks, at least one: ranks x threads must not exceed the cores.
threads_per_rank() {
  local threads=$(($(nproc) / $1))
  echo $((threads > 0 ? threads : 1))
}

bootstrap() {
  install_system_packages
  install_python_packages
  if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}
