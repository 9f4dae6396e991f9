"""One tiny random encoder of each family as a folder of sentence-transformers, every switch on in at least one of them.

make_encoder_references.py stores what transformers and sentence-transformers compute with them, encoder_live.py compares at
once, also with folders whose tokenizer is in the older files. Needs transformers and tokenizers, the references
sentence-transformers, OLDER sentencepiece.
"""

import json

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

WORDS = ("the cat sat on a mat and saw seven birds fly over the old river bank while rain fell in Paris , London and Rome . who "
         "wrote the book about whales ? nobody knows which song was sung first ; twelve people walked home at night !").split()
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
VOCABULARY = 120
# texts that are long, empty, beyond the vocabulary, or spell special tokens
ODD = ["", " ", "a", "\u00dcn\u00efc\u00f6d\u00e9 \u4e2d\u6587 \U0001f600", "the <pad> cat [PAD] sat <pad> on", "  two  spaces ",
       "</s> [SEP] <s>", " ".join(WORDS), " ".join(WORDS * 6)]  # fmt: skip

# family: (class saved, config keys, tokenizer, files of sentence-transformers)
ENCODERS = {
    "bert": ("BertModel", {**SIZES, "max_position_embeddings": 40, "type_vocab_size": 2, "layer_norm_eps": 1e-3},
             "wordpiece", {"pooling": {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
                           "normalize": True, "max_seq_length": 12}),
    "xlm-roberta": ("XLMRobertaForMaskedLM", {**SIZES, "max_position_embeddings": 30, "type_vocab_size": 1, "pad_token_id": 1},
                    "unigram", {"pooling": {"pooling_mode": "cls"}, "normalize": True}),
    "roberta": ("RobertaModel", {**SIZES, "max_position_embeddings": 40, "type_vocab_size": 2, "pad_token_id": 3},
                "unigram-10", {}),
    "mpnet": ("MPNetModel", {**SIZES, "max_position_embeddings": 180}, "wordpiece-s",
              {"pooling": {"pooling_mode": ["mean"]}, "folder": "0_Transformer",
               "prompt": {"prompts": {"query": "who wrote: ", "document": ""}, "default_prompt_name": "query"}}),
}  # fmt: skip

OLDER = {
    "bert, vocab.txt": (*ENCODERS["bert"][:2], "vocab.txt", ENCODERS["bert"][3]),
    "xlm-roberta, sentencepiece.bpe.model": (*ENCODERS["xlm-roberta"][:2], "sentencepiece.bpe.model", ENCODERS["xlm-roberta"][3]),
}  # fmt: skip


def corpus(generator, count):
    """Random sentences of the words above."""
    return [" ".join(generator.choices(WORDS, k=generator.randint(1, 14))) for _ in range(count)]


def make_tokenizer(kind, corpus):
    first, last, pad = ("[CLS]", "[SEP]", "[PAD]") if kind == "wordpiece" else ("<s>", "</s>", "<pad>")
    special = {"wordpiece": [pad, "[UNK]", first, last, "[MASK]"], "wordpiece-s": [first, pad, last, "[UNK]", "<mask>"],
               "unigram": [first, pad, last, "[UNK]", "<mask>"], "unigram-10": [first, last, "[UNK]", pad, "<mask>"]}[kind]  # fmt: skip
    if kind.startswith("wordpiece"):
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=special, unk_token="[UNK]", show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} $B {last}",
        special_tokens=[(first, tokenizer.token_to_id(first)), (last, tokenizer.token_to_id(last))])  # fmt: skip
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if kind == "wordpiece" else [])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, cls_token=first, sep_token=last, unk_token="[UNK]", model_input_names=names,
        **({"model_max_length": 10} if kind == "unigram-10" else {}))  # fmt: skip


def write_older(kind, folder, texts):
    """The tokenizer as one file without tokenizer.json; returns how many ids it has."""
    if kind == "vocab.txt":
        vocab = make_tokenizer("wordpiece", texts).get_vocab()
        (folder / kind).write_text("".join(token + "\n" for token in sorted(vocab, key=vocab.get)))
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
    else:
        import io

        import sentencepiece

        written = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), model_writer=written, vocab_size=100, minloglevel=2,
                                                 hard_vocab_limit=False)  # fmt: skip
        (folder / kind).write_bytes(written.getvalue())
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer"})
    return len(transformers.AutoTokenizer.from_pretrained(folder))


def make_weights(name, keys, seed):
    """A model whose values all fit into float16."""
    torch.manual_seed(seed)
    model_class = getattr(transformers, name)
    model = model_class(model_class.config_class(**{"vocab_size": VOCABULARY, **keys})).float().eval()
    with torch.no_grad():
        for parameter_name, weight in model.named_parameters():
            # Wide: with the usual 0.02 attention is uniform, and wrong positions or a wrong mask go unnoticed.
            if weight.dim() > 1:
                weight.normal_(0, 0.4)
            elif parameter_name.endswith("bias"):
                weight.normal_(0, 0.2)
            else:
                weight.uniform_(0.5, 1.5)
            weight.copy_(weight.half().float())
    return model


def write_sentence_files(directory, folder, files, width):
    modules = [("Transformer", folder), ("Pooling", "1_Pooling")] + ([("Normalize", "2_Normalize")] if files.get("normalize") else [])
    write_json(directory / "modules.json", [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
                                            for i, (name, path) in enumerate(modules)])  # fmt: skip
    (directory / "1_Pooling").mkdir(exist_ok=True)
    write_json(directory / "1_Pooling/config.json", {"word_embedding_dimension": width, **files["pooling"]})
    if "max_seq_length" in files:
        write_json(directory / folder / "sentence_bert_config.json",
                   {"max_seq_length": files["max_seq_length"], "do_lower_case": False})  # fmt: skip
    if "prompt" in files:
        write_json(directory / "config_sentence_transformers.json", files["prompt"])


def write_json(path, content):
    path.write_text(json.dumps(content, indent=1) + "\n")


def write_encoder(family, directory, seed, texts):
    """The folder of an encoder whose tokenizer has seen `texts`."""
    name, keys, tokenizer, files = {**ENCODERS, **OLDER}[family]
    folder = files.get("folder", "")
    (directory / folder).mkdir(parents=True, exist_ok=True)
    if family in OLDER:
        vocabulary = write_older(tokenizer, directory / folder, texts)
    else:
        fast = make_tokenizer(tokenizer, texts)
        fast.save_pretrained(directory / folder)
        vocabulary = len(fast)
    model = make_weights(name, {**keys, "vocab_size": vocabulary}, seed)
    model.half().save_pretrained(directory / folder)
    if "pooling" in files:
        write_sentence_files(directory, folder, files, keys["hidden_size"])


def states(directory, texts, dtype):
    """By transformers alone: for every text on its own the first token's state and the mean of all, as float32."""
    files = json.loads((directory / "modules.json").read_text()) if (directory / "modules.json").exists() else [{"path": ""}]
    folder = directory / files[0]["path"]
    model = transformers.AutoModel.from_pretrained(folder, dtype=dtype).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    known = folder / "sentence_bert_config.json"
    offset = {"bert": 0, "mpnet": 2}.get(model.config.model_type, (model.config.pad_token_id or 0) + 1)
    longest = min(json.loads(known.read_text())["max_seq_length"] if known.exists() else 10**9, tokenizer.model_max_length,
                  model.config.max_position_embeddings - offset)  # fmt: skip
    prompt_file = directory / "config_sentence_transformers.json"
    prompt = ""
    if prompt_file.exists():
        prompts = json.loads(prompt_file.read_text())
        prompt = prompts.get("prompts", {}).get(prompts.get("default_prompt_name"), "")
    first, mean, truncated = [], [], 0
    for text in texts:
        encoded = tokenizer(prompt + text, truncation=True, max_length=longest, return_tensors="pt")
        truncated += len(tokenizer(prompt + text)["input_ids"]) > longest
        with torch.no_grad():
            state = model(**encoded).last_hidden_state[0].float()
        first.append(state[0])
        mean.append(state.mean(0))
    return torch.stack(first), torch.stack(mean), truncated
