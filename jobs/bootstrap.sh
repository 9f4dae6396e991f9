# Sourced by the other scripts: makes sure that what factsweep is built and tested with is there, installing only what is
# missing. Does nothing on a machine that has it all. What goes wrong is told in one sentence that says what to do; the
# script then ends with exit code 3.
#
# Looks at     Torch_DIR, CMAKE_PREFIX_PATH   a libtorch of your own (a module, an unpacked archive)
#              FACTSWEEP_VENV                 the Python virtual environment to use or make (default: .venv)
#              FACTSWEEP_NO_INSTALL=1         system packages come from modules: do not call apt-get
# Sets         factsweep_root, PATH (virtual environment first), and what Open MPI wants of root
# shellcheck shell=bash

factsweep_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Debian's and Ubuntu's names, and what each is for.
factsweep_packages=(
  "g++:                           compiles C++20"
  "cmake:                         configures the build"
  "ninja-build:                   runs the build"
  "ccache:                        makes a repeated build short"
  "pkg-config:                    tells where PCRE2 and ICU are"
  "python3-venv:                  makes the Python environment that holds torch and the analysis"
  "libopenmpi-dev:                MPI, to compile with"
  "openmpi-bin:                   mpirun"
  "libhdf5-openmpi-dev:           parallel HDF5: result files"
  "hdf5-tools:                    h5dump, for tests and for looking into result files"
  "libboost-program-options-dev:  command lines and decks"
  "libfmt-dev:                    text and messages"
  "nlohmann-json3-dev:            JSON files"
  "catch2:                        unit tests"
  "libpcre2-dev:                  regular expressions of tokenizers"
  "libicu-dev:                    Unicode in tokenizers"
  "zlib1g-dev:                    .gz files"
  "libsentencepiece-dev:          trains the tokenizer of an invented world"
  "libabsl-dev:                   headers that newer SentencePiece includes"
)

say() { echo "bootstrap: $*" >&2; }
give_up() { say "$@"; exit 3; }

# COMMAND...: runs it in silence and keeps in $said what it said.
said=""
quietly() {
  local rc=0 now
  now=$("$@" 2>&1) || rc=$?
  said+=$now$'\n'
  return $rc
}
last_words() { grep . <<<"$said" | tail -n 20 >&2; }
free_space() { df -Ph "$1" 2>/dev/null | awk 'END { print $4 }'; }
# Patterns are of what apt-get, dpkg and pip say in the locale C.
disk_is_full() { grep -qE "No space left|enough free space|Disk quota exceeded" <<<"$said"; }
no_network() {
  local apt="Temporary failure resolving|Could not (resolve|connect)"
  local pip="NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|SSLError"
  grep -qE "$apt|$pip|Network is unreachable|Connection (refused|timed out)" <<<"$said"
}

# Names on stdin, one a line: each with what it is for.
with_purpose() {
  local name entry
  while read -r name; do
    for entry in "${factsweep_packages[@]}"; do
      [ "${entry%%:*}" != "$name" ] || say "    $entry"
    done
  done
}

install_system_packages() {
  [ "${FACTSWEEP_NO_INSTALL:-0}" = 0 ] && command -v dpkg-query >/dev/null || return 0
  local entry package missing=() become=() absent=() apt=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get)
  for entry in "${factsweep_packages[@]}"; do
    package=${entry%%:*}
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    # Without a terminal sudo could only wait for a password that nobody types.
    if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
      say "not installed as packages, which takes root:"
      printf '%s\n' "${missing[@]}" | with_purpose
      say "going on; if cmake misses one, install it or load your site's module"
      return 0
    fi
    become=(sudo)
  fi
  say "installing ${missing[*]} (a few minutes)"
  said=""
  # A mirror that fails need not be one that is needed: the installation decides.
  quietly "${become[@]}" "${apt[@]}" update -qq || true
  for package in "${missing[@]}"; do
    [[ $(LC_ALL=C apt-cache policy "$package" 2>/dev/null) == *"Candidate: "[0-9]* ]] || absent+=("$package")
  done
  if [ ${#absent[@]} = 0 ]; then
    quietly "${become[@]}" "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" && return
  fi
  if disk_is_full; then
    give_up "the disk is full ($(free_space /usr) free in /usr, $(free_space /var/cache/apt) in /var/cache/apt), and packages need" \
      "2 GB: free space, say by apt-get clean, and run this again."
  elif no_network; then
    give_up "apt-get reaches no mirror: connect this machine to the network, or mend /etc/apt/sources.list and its proxy," \
      "and run this again. Where all comes from modules, set FACTSWEEP_NO_INSTALL=1."
  elif [[ $said == *"Could not get lock"* || $said == *"Unable to acquire"* ]]; then
    give_up "another apt-get or dpkg is at work: wait until it is done and run this again."
  elif [ ${#absent[@]} -gt 0 ]; then
    say "this system's archives do not have:"
    printf '%s\n' "${absent[@]}" | with_purpose
    give_up "add the archive that has them (Ubuntu: add-apt-repository universe), or load modules and set FACTSWEEP_NO_INSTALL=1."
  fi
  last_words
  give_up "apt-get could not install ${missing[*]}, for the reason above: mend that (often by apt-get -f install) and" \
    "run this again."
}

# A folder with TorchConfig.cmake, as cmake/Libtorch.cmake finds it.
own_libtorch() {
  local folder folders
  IFS=: read -ra folders <<<"${Torch_DIR:-}:${CMAKE_PREFIX_PATH:-}"
  for folder in "${folders[@]}"; do
    for folder in "$folder" "$folder/Torch" "$folder/share/cmake/Torch"; do
      [ ! -e "$folder/TorchConfig.cmake" ] || return 0
    done
  done
  return 1
}

# The virtual environment, first on PATH. A torch that python3 already imports (a module, a container) stays visible in
# a new one instead of being installed again. One whose making was cut short bears a mark and is made anew.
use_venv() {
  local venv=${FACTSWEEP_VENV:-$factsweep_root/.venv} options=()
  [ ! -e "$venv/.unfinished" ] || rm -rf "$venv"
  if [ ! -x "$venv/bin/python" ]; then
    command -v python3 >/dev/null ||
      give_up "there is no python3 on PATH: install python3 and python3-venv, or load a module that has it."
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
      give_up "$(command -v python3) makes no virtual environments (it lacks venv or ensurepip): install python3-venv, or name" \
        "an environment that has pip in FACTSWEEP_VENV."
    if python3 -c 'import torch' 2>/dev/null; then options+=(--system-site-packages); fi
    said=""
    # pip by a command of its own: venv keeps to itself what went wrong with it
    if ! { quietly mkdir -p "$venv" && quietly touch "$venv/.unfinished" &&
           quietly python3 -m venv --without-pip "${options[@]}" "$venv" &&
           quietly "$venv/bin/python" -m ensurepip --upgrade --default-pip; }; then
      ! disk_is_full || full_disk_of_python "$venv"
      last_words
      give_up "$venv could not be made, for the reason above: mend that, or name another place in FACTSWEEP_VENV."
    fi
    rm "$venv/.unfinished"
  fi
  "$venv/bin/python" -c 'import pip' 2>/dev/null ||
    give_up "$venv has no pip that works: remove that folder and run this again, or install pip into it."
  export PATH="$venv/bin:$PATH"
}

full_disk_of_python() { # VENV
  give_up "the disk is full ($(free_space "$(dirname "$1")") free for $1, $(free_space "${TMPDIR:-/tmp}") in ${TMPDIR:-/tmp})," \
    "and Python's packages need 2 GB, 8 GB where torch comes with CUDA: free space, or name other places in FACTSWEEP_VENV" \
    "and TMPDIR, and run this again."
}

# ARGUMENT...: what pip install is to do.
pip_install() {
  local venv=${FACTSWEEP_VENV:-$factsweep_root/.venv}
  said=""
  quietly python3 -m pip install --quiet "$@" && return
  ! disk_is_full || full_disk_of_python "$venv"
  if no_network; then
    give_up "pip reaches no package index for $*: connect this machine to the network, set PIP_INDEX_URL, HTTPS_PROXY or" \
      "PIP_CERT as your site says, or name an environment that has it all in FACTSWEEP_VENV, and run this again."
  elif [[ $said == *"No matching distribution"* ]]; then
    give_up "the index has no $* for $(python3 -V) on $(uname -m): name an environment of another Python (3.10 to 3.14) in" \
      "FACTSWEEP_VENV, or, for torch, a libtorch of your own in Torch_DIR."
  fi
  last_words
  give_up "pip could not install $*, for the reason above: mend that and run this again."
}

# IMPORT PACKAGE...: what python3 cannot import is installed. One at a time, so that a failure names its package.
install_unless_there() {
  python3 -c "import $1" 2>/dev/null && return
  say "installing ${*:2}"
  pip_install "${@:2}"
}
# On most x86-64 machines a build for CUDA, which works on cores alone, too.
install_torch() { install_unless_there torch torch==2.13.0; }

# pip is asked again only when a requirements file has changed since it last succeeded.
install_python_packages() {
  local venv=${FACTSWEEP_VENV:-$factsweep_root/.venv}
  local requirements=("$factsweep_root/analysis/requirements.txt") file stamp
  [ "${FACTSWEEP_TESTS:-0}" = 0 ] || requirements+=("$factsweep_root/tests/requirements.txt")
  use_venv
  # Tests compare with packages that need Python's torch: left to pip, it would be the newest.
  if [ "${FACTSWEEP_TESTS:-0}" != 0 ] || ! own_libtorch; then install_torch; fi
  for file in "${requirements[@]}"; do
    stamp=$venv/.factsweep-$(sha256sum <"$file" | cut -c1-16)
    [ ! -e "$stamp" ] || continue
    say "installing ${file#"$factsweep_root"/} into $venv"
    pip_install -r "$file"
    touch "$stamp"
  done
}

# What must be there for cmake to tell the rest.
check_tools() {
  local tool
  for tool in cmake ninja mpirun; do
    command -v "$tool" >/dev/null && continue
    case $tool in
      mpirun) give_up "there is no mpirun on PATH: install openmpi-bin, or load your site's MPI module." ;;
      *) give_up "there is no $tool on PATH: load a module that has it, or '$(command -v python3)' -m pip install $tool." ;;
    esac
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
  check_tools
  if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}
