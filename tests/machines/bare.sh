#!/usr/bin/env bash
# The README's two commands on a bare machine: debootstrap makes the smallest system of a Debian suite, this repository (HEAD)
# is cloned into it, and jobs/quickstart.sh and tests/run.sh run there with nothing of this machine but kernel and network.
#
#   tests/machines/bare.sh SUITE [--short]      SUITE: bookworm, trixie, testing, ... (root only)
#     --short    packages, configure, build, ctest: what CI of a release can afford
#
# What was seen last is in docs/machines.md. Everything is under FACTSWEEP_MACHINES (default: a new folder, removed at the
# end); a machine that is there already is used again, with what it has installed and built, and its clone is updated to HEAD.
#
#   FACTSWEEP_MIRROR        Debian mirror (default: the one that debootstrap knows)
#   FACTSWEEP_BIND_CCACHE   a folder as the machine's compiler cache
#   FACTSWEEP_BIND_TORCH    a libtorch of this machine (a folder with lib, include, share) instead of pip's torch
#   FACTSWEEP_BIND_WHEELS   a folder of wheels where pip looks, too
#   PIP_INDEX_URL, http_proxy, https_proxy and a site's certificates in /usr/local/share/ca-certificates are handed on.
#
# Exit code 77, with the reason on the last line, where such a machine cannot be made.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=${1:-} short=${2:-}
[ $# -le 2 ] && [ -n "$suite" ] && [[ "$short" == "" || "$short" == --short ]] ||
  { echo "usage: tests/machines/bare.sh SUITE [--short]" >&2; exit 2; }
skip() { echo "$*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "a bare machine is made with chroot, which takes root"
for tool in debootstrap chroot unshare git; do
  command -v "$tool" >/dev/null || skip "needs $tool"
done
unshare --mount true 2>/dev/null || skip "no file system can be mounted here"

# From here on in a mount namespace of its own: whatever happens, no mount outlives this script.
if [ "${FACTSWEEP_IN_NAMESPACE:-}" != $$ ]; then
  exec unshare --mount --propagation private env FACTSWEEP_IN_NAMESPACE=$$ bash "$0" "$@"
fi

machines=${FACTSWEEP_MACHINES:-}
if [ -z "$machines" ]; then
  machines=$(mktemp -d)
  trap 'umount --recursive "$machine" 2>/dev/null || true; rm -rf --one-file-system "$machines"' EXIT
fi
machine=$machines/$suite
mkdir -p "$machines"
if [ ! -e "$machine/ready" ]; then
  rm -rf --one-file-system "$machine"
  debootstrap --variant=minbase --include=ca-certificates,git "$suite" "$machine" \
    ${FACTSWEEP_MIRROR:+"$FACTSWEEP_MIRROR"} >"$machines/debootstrap-$suite.log" 2>&1 ||
    { tail -n 5 "$machines/debootstrap-$suite.log"; skip "debootstrap could not make a machine of $suite"; }
  # A mirror that is a few weeks old is no reason not to test.
  echo 'Acquire::Check-Valid-Until "false";' >"$machine/etc/apt/apt.conf.d/99mirror"
  touch "$machine/ready"
fi
cp /etc/resolv.conf "$machine/etc/resolv.conf"

# A chroot shares the root file system's device: --bind makes it a mount, so that umount and rm see where it ends.
mount --bind "$machine" "$machine"
mount -t proc proc "$machine/proc"
mount --rbind /dev "$machine/dev"
mount -t sysfs sys "$machine/sys"
mount -t tmpfs -o mode=1777 tmpfs "$machine/dev/shm"   # Open MPI's shared memory

home=/root
clone=$home/factsweep   # in the machine
environment=(HOME=$home PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
for name in PIP_INDEX_URL http_proxy https_proxy; do
  [ -z "${!name:-}" ] || environment+=("$name=${!name}")
done
if compgen -G "/usr/local/share/ca-certificates/*.crt" >/dev/null; then
  cp /usr/local/share/ca-certificates/*.crt "$machine/usr/local/share/ca-certificates/"
  chroot "$machine" update-ca-certificates >/dev/null 2>&1
  environment+=(PIP_CERT=/etc/ssl/certs/ca-certificates.crt)
fi
bind() { # FROM TO
  mkdir -p "$machine$2"
  mount --bind "$1" "$machine$2"
}
if [ -n "${FACTSWEEP_BIND_CCACHE:-}" ]; then
  bind "$FACTSWEEP_BIND_CCACHE" /ccache
  # Without sloppiness ccache stores nothing that uses a precompiled header.
  environment+=(CCACHE_DIR=/ccache CCACHE_BASEDIR="$clone"
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime)
fi
if [ -n "${FACTSWEEP_BIND_TORCH:-}" ]; then
  bind "$FACTSWEEP_BIND_TORCH" /opt/torch
  environment+=(Torch_DIR=/opt/torch/share/cmake/Torch)
fi
if [ -n "${FACTSWEEP_BIND_WHEELS:-}" ]; then
  bind "$FACTSWEEP_BIND_WHEELS" /opt/wheels
  environment+=(PIP_FIND_LINKS=/opt/wheels)
fi
inside() { chroot "$machine" env -i "${environment[@]}" bash -euo pipefail -c "$1"; }

revision=$(git -C "$repository" rev-parse HEAD)
[ -e "$machine$clone/.git" ] || git clone --quiet --no-hardlinks "$repository" "$machine$clone"
git -C "$machine$clone" fetch --quiet "$repository" HEAD
git -C "$machine$clone" checkout --quiet --detach "$revision"
chown -R root:root "$machine$clone"

if [ "$short" = --short ]; then
  commands=("source jobs/bootstrap.sh && bootstrap && cmake --preset release && cmake --build --preset release &&
    ctest --test-dir build --output-on-failure")
else
  commands=("jobs/quickstart.sh" "tests/run.sh")
fi
rc=0
for command in "${commands[@]}"; do
  started=$SECONDS
  inside "cd $clone && $command" </dev/null || rc=$?
  echo "$suite: '$command' ended with exit code $rc after $((SECONDS - started)) s"
  [ "$rc" = 0 ] || break
done

# What a row of docs/machines.md is made of.
inside '
  row=$(. /etc/os-release; echo "$PRETTY_NAME")
  version() { row+=" | $("$@" 2>/dev/null | head -n 1 | grep -oE "[0-9]+(\.[0-9a-z]+)+" | head -n 1)"; }
  package() { dpkg-query -W -f="\${Version}\n" "$1"; }
  version g++ -dumpfullversion
  version cmake --version
  version mpirun --version
  for name in libhdf5-openmpi-dev libfmt-dev catch2 libicu-dev libsentencepiece-dev; do version package "$name"; done
  version python3 --version
  config=${Torch_DIR:-$(cd ~/factsweep && find .venv/lib/python3*/site-packages/torch/share/cmake/Torch -maxdepth 0)}
  version grep PACKAGE_VERSION "$config/TorchConfigVersion.cmake"
  echo "compiler, CMake, MPI, HDF5, fmt, Catch2, ICU, SentencePiece, Python, libtorch:"
  echo "$row"' || true
exit "$rc"
