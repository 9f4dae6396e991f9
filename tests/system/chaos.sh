#!/usr/bin/env bash
# Sweeps that are killed, stopped, starved and damaged at moments that a seed draws end with the files of an undisturbed run.
#   tests/system/chaos.sh [FIRST-LAST | SEED [STUDY]]      FACTSWEEP_SEEDS says the same; every study: slick, flearning, kshot
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_tool cc
need_python "h5py, numpy, pandas"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# a small disk, to be filled; root alone can have one, which goes with this process
if [ -z "${CHAOS_DISK:-}" ] && unshare --mount true 2>/dev/null; then
  CHAOS_DISK=$PWD/disk exec unshare --mount bash "$here/chaos.sh" "$@"
fi
mkdir -p disk
[ -z "${CHAOS_DISK:-}" ] || mount -t tmpfs -o size=64m chaos disk
tiny_world
# each a second or two of work
tiny_deck slick.ini 6
sed -i 's/^relations .*/relations = W1, W2/; s/^unknown_ratio .*/unknown_ratio = 0, 1/; s/^seed .*/seed = 1/; s/^exemplar_sets .*/exemplar_sets = 2/' slick.ini
cat >>slick.ini <<'DECK'
[store]
deltas = early_stop+final
delta_dtype = float32
DECK
python3 "$here/flearning_tiny.py" "$world"
sed 's/^method .*/method = ft, f_learning_lora, ft_c, rome_reset, memit/; s/^lambda .*/lambda = 0.1/; s/^layers = all.*/layers = all/; s/^records = 10/records = 6/' deck.ini >flearning.ini
python3 "$here/kshot_tiny.py" "$world" "$FACTSWEEP_SOURCE/tests/unit/encoder/data/bert"
sed 's/^method .*/method = ours, phatgoose_data/; s/^shots .*/shots = 6/; s/^experts .*/experts = 2/; s/^top_k .*/top_k = 1/; s/^signals .*/signals = pad/; s/^data_selection .*/data_selection = cosine/; s/^draw .*/draw = 1/; s/^epochs .*/epochs = 3/' deck.ini >kshot.ini
printf '[store]\ndeltas = final\n' >>kshot.ini
cc -shared -fPIC "$here/chaos.c" -o chaos.so -ldl
failed=""
for study in ${2:-slick flearning kshot}; do
  PYTHONPATH=$FACTSWEEP_SOURCE python3 "$here/chaos.py" "$FACTSWEEP" "$study.ini" --seeds "${1:-${FACTSWEEP_SEEDS:-1-2}}" || failed="$failed $study"
done
[ -z "$failed" ] || fail "chaos of$failed"
