#!/usr/bin/env bash
# Makes a folder that measures factsweep on a machine with one GPU, Python and torch 2.11.0, and nothing else: no compiler, no MPI,
# no network. Copy the folder there and run its run.sh, which leaves results.json and log.txt beside itself.
#
#   tests/cuda/bundle.sh FOLDER [--rehearsal]
#     --rehearsal    of the build in build/ and its pretended GPU instead: tries the folder on a machine without a GPU
#
# The machine's Python needs torch of the very version, h5py, pandas, transformers and accelerate; what needs one that is absent is
# left out and said. Real questions (FACTSWEEP_DATA) and SmolLM2's tokenizer (FACTSWEEP_SMOLLM2)
# come along where they are at hand, else the embedded world's.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../jobs/bootstrap.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/bootstrap.sh"
[ $# -ge 1 ] && [ $# -le 2 ] && [ "${2:---rehearsal}" = --rehearsal ] || { echo "usage: tests/cuda/bundle.sh FOLDER [--rehearsal]" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
[ -z "$(ls -A "$folder")" ] || { echo "$folder is not empty" >&2; exit 2; }
modules=(model encoder label adapter train tasks moe edit selection)
if [ "${2:-}" = --rehearsal ]; then
  build=$factsweep_root/build
  [ -e "$build/tests/cuda/libpretended_device.so" ] ||
    { echo "$build has no pretended device: tests/run.sh makes it (tests/cuda/CMakeLists.txt says where it cannot)" >&2; exit 1; }
else
  FACTSWEEP_CUDA_TARGETS="factsweep training_driver ${modules[*]/#/test_}" "$factsweep_root/tests/cuda/compile.sh"
  build=$factsweep_root/.cache/cuda/build
fi
payload=$(mktemp -d)
trap 'rm -rf "$payload"' EXIT

echo "programs and libraries" >&2
mkdir -p "$payload/bin" "$payload/lib"
for program in factsweep tests/training_driver "${modules[@]/#/tests/test_}"; do
  strip -o "$payload/bin/${program##*/}" "$build/$program"
done
[ "${2:-}" != --rehearsal ] || strip --strip-debug -o "$payload/lib/libpretended_device.so" "$build/tests/cuda/libpretended_device.so"
# Open MPI finds its plugins and texts by OPAL_PREFIX, at the places below it that it was built for.
prefix_of() { ompi_info --parsable --path "$1" | sed 's/^path:[a-z]*://'; }
prefix=$(prefix_of prefix) plugins=$(prefix_of pkglibdir) texts=$(prefix_of pkgdatadir)
cp -L "$(command -v mpirun)" "$payload/bin/mpirun"
daemon=$(command -v orted || command -v prted)
cp -L "$daemon" "$payload/bin/${daemon##*/}"
mkdir -p "$payload/${plugins#"$prefix"/}" "$(dirname "$payload/${texts#"$prefix"/}")"
# Networks and queues that one machine has no use for want libraries of their own.
for plugin in "$plugins"/mca_*.so; do
  case ${plugin##*/} in
    *ofi* | *psm* | *ucx* | *openib* | *usnic* | *slurm* | *_tm.so | *gridengine* | *romio*) ;;
    *) cp "$plugin" "$payload/${plugins#"$prefix"/}/" ;;
  esac
done
cp -r "$texts" "$payload/${texts#"$prefix"/}"

# Every library but torch's, the driver's and the C and C++ runtime's.
libraries_of() { # FILE...
  ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
    grep -vE '/(lib(c|m|dl|rt|pthread|resolv|gcc_s|stdc\+\+|gomp|torch|torch_[a-z]+|c10|c10_cuda|cuda|cudart|cu(blas|dnn|fft|file|pti|rand|solver|sparse)[a-zA-Z_]*|nv[a-zA-Z_]+|nccl)(-[0-9a-f]+)?|ld-linux.*)\.so' || true
}
libraries_of "$payload"/bin/* "$payload/${plugins#"$prefix"/}"/*.so | while read -r library; do
  cp -L "$library" "$payload/lib/${library##*/}"
done

echo "world, questions and tests" >&2
source=$payload/source
mkdir -p "$source/tests/unit" "$source/inputs" "$source/docs"
cp -r "$factsweep_root/analysis" "$factsweep_root/inputs" "$source/"
cp -r "$factsweep_root/tests/system" "$factsweep_root/tests/benchmarks" "$source/tests/"
for module in "${modules[@]}"; do
  [ ! -d "$factsweep_root/tests/unit/$module/data" ] || (cd "$factsweep_root" && cp -r --parents "tests/unit/$module/data" "$source/")
done
for other in text data; do
  [ ! -d "$factsweep_root/tests/unit/$other/data" ] || (cd "$factsweep_root" && cp -r --parents "tests/unit/$other/data" "$source/")
done
find "$source" -name __pycache__ -prune -exec rm -rf {} +
cp "$factsweep_root/tests/cuda/bundle/measure.py" "$payload/"
data=${FACTSWEEP_DATA:-$factsweep_root/../shared/data}
if [ -d "$data/entityquestions" ]; then
  mkdir -p "$payload/questions"
  for split in train dev test; do
    mkdir -p "$payload/questions/$split"
    cp "$data/entityquestions/$split"/P17.* "$payload/questions/$split/"
  done
fi
smollm2=${FACTSWEEP_SMOLLM2:-$factsweep_root/.cache/smollm2}
if [ -e "$smollm2/tokenizer.json" ]; then
  mkdir -p "$payload/tokenizer"
  cp "$smollm2"/tokenizer*.json "$payload/tokenizer/"
fi
# A small one: its model answers the first question there, and is where the tokenizer comes from where no real one is at hand.
# A program for CUDA starts only where all of torch's libraries are; that of this machine makes the same world.
program=$build/factsweep
if ldd "$program" | grep -q "not found"; then program=$factsweep_root/build/factsweep; fi
[ -x "$program" ] || { echo "no program that starts here makes the world: build one first (README.md)" >&2; exit 1; }
"$program" world --output "$payload/world" --subjects 60 --passes 12 --width 64 --layers 2 --vocabulary 800 --learning-rate 5e-3 \
  --threads 1 >"$payload/world.log" 2>&1 || { cat "$payload/world.log" >&2; exit 1; }

git -C "$factsweep_root" describe --always --dirty >"$payload/version" 2>/dev/null || true
echo "packing" >&2
tar -C "$payload" -cf - . | xz -T0 -4 >"$folder/payload.tar.xz"
cp "$factsweep_root/tests/cuda/bundle/run.sh" "$folder/run.sh"
size=$(du -sm "$folder" | cut -f1)
echo "$folder: $size MB; there: bash run.sh"
[ "$size" -le 60 ] || { echo "larger than 60 MB" >&2; exit 1; }
