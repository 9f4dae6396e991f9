#!/usr/bin/env bash
# Bad decks, models, data, outputs and flags: the right exit code, a message that says where and what, no hang, and with
# several ranks one message.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
need_tool mpirun
need_python "h5py, safetensors, numpy"
tiny_world
tiny_deck deck.ini
facts=$world/facts model=$world/model
broken=0

# Notes a failure and goes on: one run shows everything that is wrong.
check() { (expect "$@") || broken=$((broken + 1)); }

# One bad run, on one and on two ranks at the same time: mpirun waits more than it computes. The second is in a folder of its own
# that holds the same: files copied, folders linked.
bad() { # CODE WORDS DECK [overrides]
  local file
  rm -rf out.h5 out.h5.lock out.weights.h5 two-ranks
  mkdir two-ranks
  for file in *; do
    [ "$file" != two-ranks ] || continue
    if [ -d "$file" ]; then ln -s "../$file" two-ranks/; else cp "$file" two-ranks/; fi
  done
  (cd two-ranks && bad_on 2 "$@") >two-ranks.log 2>&1 &
  bad_on 1 "$@" || broken=$((broken + 1))
  wait $! || { cat two-ranks.log; broken=$((broken + 1)); }
}
bad_on() { # RANKS CODE WORDS DECK [overrides]
  local ranks=$1 code=$2 words=$3 wrong=0
  shift 3
  (expect "$code" "$words" launch "$ranks" run "$@") || wrong=1
  [ "$(grep -c 'error: ' messages)" = 1 ] || { cat messages; echo "FAILED: more or less than one 'error:' on $ranks ranks: $*"; wrong=1; }
  ! grep -qE 'terminate called|Segmentation|signal [0-9]' messages || { cat messages; echo "FAILED: a crash: $*"; wrong=1; }
  return $wrong
}
# A copy of the model or the facts to damage.
model_copy() { rm -rf "$1"; cp -r "$model" "$1"; }
facts_copy() { rm -rf "$1"; cp -r "$facts" "$1"; }

echo "--- models"
bad 2 'nowhere/model: no such model folder' deck.ini --model.path=nowhere/model
model_copy no-config; rm no-config/config.json
bad 2 'no-config/config.json: no such file' deck.ini --model.path=no-config
model_copy broken-config; echo '{"architectures": [' >broken-config/config.json
bad 2 'broken-config/config.json:[0-9]+:[0-9]+: not valid JSON' deck.ini --model.path=broken-config
model_copy no-weights; rm no-weights/model.safetensors
bad 2 'no-weights: neither model.safetensors nor' deck.ini --model.path=no-weights
model_copy no-tokenizer; rm no-tokenizer/tokenizer*
bad 2 'no-tokenizer;;tokenizer.json|tokenizer.model' deck.ini --model.path=no-tokenizer
check 2 'no-tokenizer: no tokenizer here' "$FACTSWEEP" plan deck.ini --model.path=no-tokenizer
rm no-tokenizer/model.safetensors
check 0 'warning: no-tokenizer: neither model.safetensors nor;;warning: no-tokenizer: no tokenizer here.* A plan can do without; a run cannot' \
  "$FACTSWEEP" plan deck.ini --model.path=no-tokenizer
model_copy truncated; truncate -s 100000 truncated/model.safetensors
bad 2 'truncated/model.safetensors: ;;truncated' deck.ini --model.path=truncated
model_copy header; truncate -s 5 header/model.safetensors
bad 2 'header/model.safetensors: only 5 bytes long' deck.ini --model.path=header
check 2 'header/model.safetensors: only 5 bytes long' "$FACTSWEEP" plan deck.ini --model.path=header
model_copy shape; sed -i 's/"hidden_size": 64/"hidden_size": 128/' shape/config.json
bad 2 "shape/model.safetensors: 'model.embed_tokens.weight' is \[[0-9]+, 64\], config.json needs" deck.ini --model.path=shape
model_copy layers; sed -i 's/"num_hidden_layers": 2/"num_hidden_layers": 3/' layers/config.json
bad 2 "layers/model.safetensors: tensor 'model.layers.2.*' is missing" deck.ini --model.path=layers
model_copy other; sed -i 's/LlamaForCausalLM/MambaForCausalLM/' other/config.json
bad 2 "other/config.json: architecture 'MambaForCausalLM' is not supported. Supported: .*LlamaForCausalLM" deck.ini --model.path=other
model_copy nan
python3 - <<'PYTHON'
from safetensors.numpy import load_file, save_file

tensors = load_file("nan/model.safetensors")
tensors["model.embed_tokens.weight"][:] = float("nan")
save_file(tensors, "nan/model.safetensors", {"format": "pt"})
PYTHON
for estimator in exact sample; do
  for ranks in 1 2; do # every label stage fails by itself: a warning each, then the sum
    rm -f out.h5 out.weights.h5
    check "2|3|4" '[Nn]a[Nn]|not finite' launch "$ranks" run deck.ini --model.path=nan "--label.estimator=$estimator"
  done
done

lines() { printf '%s\n' "$@" >lines.jsonl; }
lines '{"prompt": "a", "completion": "b"}'
check 2 'not finite' "$FACTSWEEP" generate --model nan --input lines.jsonl
check 2 'lines.jsonl:1: .*not finite' "$FACTSWEEP" score --model nan --input lines.jsonl

echo "--- data"
bad 2 'nowhere' deck.ini --data.facts=nowhere
bad 2 "no relation 'W9'. It has: W1" deck.ini '--data.relations=W1, W9'
bad 2 "data.ood_relations.*W1 is also in data.relations" deck.ini '--data.ood_relations=W1'
facts_copy malformed; sed -i '7s/.*/ oops,/' malformed/train/W2.train.json
bad 2 'malformed/train/W2.train.json:7:[0-9]+: not valid JSON' deck.ini --data.facts=malformed
facts_copy record; python3 - <<'PYTHON'
import json

path = "record/dev/W3.dev.json"
records = json.load(open(path))
records[2] = {"question": records[2]["question"]}
open(path, "w").write("[\n" + ",\n".join(map(json.dumps, records)) + "\n]\n")
PYTHON
bad 2 "record/dev/W3.dev.json:4: record 3 has no 'answers'" deck.ini --data.facts=record
facts_copy empty; echo '[]' >empty/test/W2.test.json
bad 2 'relation W2 has no test question' deck.ini --data.facts=empty
facts_copy gone; rm gone/dev/W1.dev.json
bad 2 'gone/dev/W1.dev.json: no such file' deck.ini --data.facts=gone
bad 2 'relation W1 has [0-9]+ dev questions.*at least 42;;label.exemplar_sets' deck.ini --label.shots=39
rm -f out.h5 out.weights.h5
check 4 'slick.train_size = 5000, but .*allow;;size_rule' launch 2 run deck.ini --slick.train_size=5000

echo "--- outputs"
launch 1 run deck.ini --slick.stop_after=label --run.output=other.h5
bad 2 "other.h5: was begun with another deck: .*label.samples \(was '16', now '17'\);;label.temperature" deck.ini \
  --slick.stop_after=label --run.output=other.h5 --label.samples=17 --label.temperature=0.7
echo 'no HDF5' >text.h5
bad 2 'text.h5' deck.ini --run.output=text.h5
[ "$(cat text.h5 two-ranks/text.h5)" = $'no HDF5\nno HDF5' ] || fail "text.h5 was overwritten"
launch 1 run deck.ini --run.output=alone.h5 2>/dev/null
rm alone.h5
bad 2 'alone.weights.h5: exists, but its results file alone.h5 does not. .*to begin anew, remove or move the weights, too' deck.ini --run.output=alone.h5
python3 -c 'import h5py; h5py.File("foreign.h5", "w").create_group("mine")'
bad 2 'foreign.h5' deck.ini --run.output=foreign.h5
head -c 20000 other.h5 >half.h5
bad '2|3' 'half.h5' deck.ini --slick.stop_after=label --run.output=half.h5
touch plain
bad '2|3' 'plain/out.h5|plain' deck.ini --run.output=plain/out.h5

# A full disk, where a small one can be mounted: first too small for the results, then for a checkpoint.
on_small_disk() { # SIZE WORDS...
  local size=$1
  shift
  mkdir -p disk
  SIZE=$size unshare -rm bash -c 'mount -t tmpfs -o "size=$SIZE" tmpfs disk && "$@" && rc=0 || rc=$?
    [ ! -e disk/out.h5 ] || "$FACTSWEEP" status disk/out.h5
    ls disk; exit $rc' bash "$@"
}
export -f on_small_disk
mkdir -p disk
if unshare -rm mount -t tmpfs tmpfs disk; then
  for ranks in 1 2; do
    check 3 'cannot take [0-9.]+ MB: the disk or the quota is full|MB are free' on_small_disk 100k launch $ranks run deck.ini --run.output=disk/out.h5
    # a training does without its checkpoint, for which there is no room beside the results (about 2004 kB)
    check 0 'cannot write the file: the disk or the quota is full .No space left on device.. Free space;;The training goes on;;0 failed' on_small_disk 2020k launch $ranks run deck.ini --train.epochs=10 --run.checkpoint_interval=0.01 --run.output=disk/out.h5
  done
else
  echo "no small disk can be mounted here: a full disk is not tested"
fi

echo "--- devices that a plan is for"
check 0 'Does not fit: .* needs about [0-9.]+ MB of memory even with the smallest passes, and 500.0 kB are there for each of 2 ranks;;4e.14 FLOP/s a rank' "$FACTSWEEP" plan deck.ini --device-memory=1MB --flops 4e14 --ranks-per-device 2
check 2 "device = 'h20' is no device that this program knows: .*a100-80.*;;device-memory 80GB" "$FACTSWEEP" plan deck.ini --device h20
check 2 "'80' is no size of a memory" "$FACTSWEEP" plan deck.ini --device-memory 80
check 2 "flops = '-3' is no rate" "$FACTSWEEP" plan deck.ini --flops=-3
check 2 "ranks = '' is no number of ranks" "$FACTSWEEP" plan deck.ini --ranks
[ -e /dev/nvidia0 ] || check 3 'run.device = cuda: .*;;Or use run.device = cpu' "$FACTSWEEP" run deck.ini --run.device=cuda --run.output=cuda.h5

echo "--- decks"
with() { sed "$1" deck.ini >changed.ini; }
line=$(grep -n '^epochs' deck.ini | cut -d: -f1)
with 's/^epochs .*/epoch = 3/'
bad 2 "changed.ini:$line: unknown key 'train.epoch'. Did you mean 'train.epochs'" changed.ini
bad 2 "command line: unknown key 'train.epoch'. Did you mean 'train.epochs'" deck.ini --train.epoch=3
with 's/^epochs .*/epochs = 3\nepochs = 4/'
bad 2 "changed.ini:$((line + 1)): .*already set on line $line" changed.ini
bad 2 "'train.epochs' is given twice" deck.ini --train.epochs=1 --train.epochs=2
with 's/^learning_rate.*/learning_rate = nan/'
bad 2 'changed.ini:[0-9]+: train.learning_rate = nan is not a finite number' changed.ini
bad 2 'command line: train.learning_rate = inf' deck.ini --train.learning_rate=inf
with 's/^epochs .*/epochs = 0/'
bad 2 "changed.ini:$line: train.epochs = 0 .*1" changed.ini
bad 2 'grid.unknown_ratio.*1.5' deck.ini '--grid.unknown_ratio=0, 1.5'
bad 2 "label.match.*stricct.*strict, squad, contains|label.match.*stricct" deck.ini --label.match=stricct
bad 2 'label.samples.*3.5.*not an integer' deck.ini --label.samples=3.5
bad 2 'run.wall_limit.*duration' deck.ini --run.wall_limit=soon
bad 2 'label.keep_text.*sample' deck.ini --label.keep_text=true
bad 2 'label.match = contains needs label.estimator = sample' deck.ini --label.match=contains
with '/^path/d'
bad 2 "changed.ini: required key 'model.path' is missing" changed.ini
with 's/^epochs .*/epochs 3/'
bad 2 "changed.ini:$line: cannot read 'epochs 3'" changed.ini
with 's/^study .*/study = slik/'
bad 2 "changed.ini:[0-9]+: run.study = slik.*slick" changed.ini
bad 2 'nowhere.ini: no such file' nowhere.ini
bad 2 'a deck is missing'
bad 2 'one deck at a time' deck.ini deck.ini

echo "--- commands and flags"
check 2 "'fly' is no command of factsweep. Known: run" "$FACTSWEEP" fly
check 2 'factsweep tokenize has no flag --frobnicate. factsweep tokenize --help' "$FACTSWEEP" tokenize --model "$model" --frobnicate
check 2 'model' "$FACTSWEEP" tokenize
check 2 "ranks = '0'" "$FACTSWEEP" plan deck.ini --ranks 0
check 2 'factsweep status has no flag --folow. Did you mean --follow\?' "$FACTSWEEP" status --folow other.h5
check 2 "'b.h5' is not understood. factsweep status FILE" "$FACTSWEEP" status other.h5 b.h5
bad 2 'factsweep run has no flag --ranks, which is one of factsweep plan. .*mpirun -n R' deck.ini --ranks 4
check 2 'factsweep plan has no flag --rank. Did you mean --ranks' "$FACTSWEEP" plan deck.ini --rank 4
check 2 'nowhere.h5: no such file' "$FACTSWEEP" status nowhere.h5
check 2 'text.h5' "$FACTSWEEP" status text.h5
check 2 'subjects >= 30' "$FACTSWEEP" world --output w --subjects 5
check 2 'output' "$FACTSWEEP" world
check 3 'plain' "$FACTSWEEP" world --output plain/world --subjects 30 --passes 1
for options in '--dtype=float16' '--device=tpu' '--temperature=-1' '--samples=0' '--max-new-tokens=0' '--threads=many' \
    '--top-p=0' '--top-p=1.5' '--top-k=-1' '--samples=2' '--top-k=5' '--stop='; do
  name=${options%=*}
  check 2 "${name#--}" "$FACTSWEEP" generate --model "$model" "$options"
done
check 2 'nowhere' "$FACTSWEEP" score --model nowhere

echo "--- JSON lines"
lines '{"text": "a"}' '' '{"text": "b"'
check 2 'lines.jsonl:3: not valid JSON' "$FACTSWEEP" tokenize --model "$model" --input lines.jsonl
lines '{"text": "a"}' '{"txt": "b"}'
check 2 'lines.jsonl:2: the record needs a string "text"' "$FACTSWEEP" tokenize --model "$model" --input lines.jsonl
lines '{"text": "a"}' '{"text": 7}'
check 2 'lines.jsonl:2: ' "$FACTSWEEP" tokenize --model "$model" --input lines.jsonl
lines '{"text": "a"}' '["text"]'
check 2 'lines.jsonl:2: ' "$FACTSWEEP" tokenize --model "$model" --input lines.jsonl
lines '{"text": "a"}' '7'
check 2 'lines.jsonl:2: ' "$FACTSWEEP" tokenize --model "$model" --input lines.jsonl
lines '{"prompt": "a", "completion": "b"}' '{"prompt": "a"}'
check 2 'lines.jsonl:2: the record needs a string "completion"' "$FACTSWEEP" score --model "$model" --input lines.jsonl
lines '{"prompt": "a", "completion": ""}'
check 2 'lines.jsonl:1: the completion has no token' "$FACTSWEEP" score --model "$model" --input lines.jsonl
lines '{"prompt": "a"}' '{}'
check 2 'lines.jsonl:2: the record needs a string "prompt"' "$FACTSWEEP" generate --model "$model" --input lines.jsonl
model_copy eight-positions   # a model that has no place for longer texts
python3 - eight-positions <<'PYTHON'
import json, sys, numpy, safetensors.numpy
folder = sys.argv[1]
rows = json.load(open(folder + "/config.json"))["vocab_size"]
json.dump({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": rows, "n_positions": 8, "n_embd": 4,
           "n_layer": 1, "n_head": 1}, open(folder + "/config.json", "w"))
shapes = {"wte.weight": (rows, 4), "wpe.weight": (8, 4), "h.0.attn.c_attn.weight": (4, 12), "h.0.attn.c_attn.bias": (12,),
          "h.0.attn.c_proj.weight": (4, 4), "h.0.attn.c_proj.bias": (4,), "h.0.mlp.c_fc.weight": (4, 16),
          "h.0.mlp.c_fc.bias": (16,), "h.0.mlp.c_proj.weight": (16, 4), "h.0.mlp.c_proj.bias": (4,)}
shapes |= {f"{norm}.{part}": (4,) for norm in ("h.0.ln_1", "h.0.ln_2", "ln_f") for part in ("weight", "bias")}
tensors = {name: numpy.ones(shape, numpy.float32) for name, shape in shapes.items()}
safetensors.numpy.save_file(tensors, folder + "/model.safetensors")
PYTHON
lines '{"prompt": "a", "completion": "b"}' "{\"prompt\": \"$(printf 'a b %.0s' {1..9})\", \"completion\": \"b\"}"
for command in score generate; do
  check 2 'lines.jsonl:2: the text has [0-9]+ tokens, more than the 8 positions' "$FACTSWEEP" "$command" --model eight-positions --input lines.jsonl
done
check 2 'nowhere.jsonl: no such file' "$FACTSWEEP" generate --model "$model" --input nowhere.jsonl
check 2 'standard input:1: ' bash -c "echo '{' | '$FACTSWEEP' tokenize --model '$model'"
lines '{"text": "a"}'
check 3 'plain/ids: cannot be written' "$FACTSWEEP" tokenize --model "$model" --input lines.jsonl --output plain/ids
check 3 'output cannot be written' bash -c "'$FACTSWEEP' tokenize --model '$model' --input lines.jsonl >/dev/full"

[ "$broken" = 0 ] || fail "$broken checks, each named above"
echo "all checks passed"
