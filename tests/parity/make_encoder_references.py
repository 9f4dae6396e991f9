"""Makes the tiny random encoders, and what transformers and sentence-transformers compute with them, of the unit tests.

    python tests/parity/make_encoder_references.py [--output tests/unit/encoder/data]

Each folder of encoders.py, weights in float16 (the references are float32 of the same values), and two more files: texts.json,
and reference.safetensors with a row a text in

    cls, mean         float32  the first token's state and the mean of all, each text on its own, by transformers
    mean_bfloat16     float32  the mean as transformers gives it in bfloat16
    embedding         float32  what sentence-transformers gives, all texts at once; absent without modules.json
    truncated         int64 [1]  how many texts were cut
"""

import argparse
import pathlib
import random
import shutil

import torch
from encoders import ENCODERS, ODD, corpus, states, write_encoder, write_json
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

SEED = 20240509


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default="tests/unit/encoder/data")
    output = parser.parse_args().output
    for index, family in enumerate(ENCODERS):
        directory = output / family
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        generator = random.Random(SEED + index)
        write_encoder(family, directory, SEED + index, corpus(generator, 200))
        texts = ODD + corpus(generator, 12)
        write_json(directory / "texts.json", texts)
        first, mean, truncated = states(directory, texts, torch.float32)
        reference = {"cls": first, "mean": mean, "mean_bfloat16": states(directory, texts, torch.bfloat16)[1],
                     "truncated": torch.tensor([truncated])}  # fmt: skip
        if (directory / "modules.json").exists():
            model = SentenceTransformer(str(directory), device="cpu", model_kwargs={"dtype": torch.float32})
            # transformers fails where the file's own limit lies beyond the positions
            model.max_seq_length = min(model.max_seq_length, model[0].model.config.max_position_embeddings - 2)
            reference["embedding"] = torch.from_numpy(model.encode(texts))
        save_file({name: value.contiguous() for name, value in reference.items()}, directory / "reference.safetensors")
        for size in sorted(directory.rglob("*")):
            if size.is_file():
                print(size.relative_to(output), size.stat().st_size)


if __name__ == "__main__":
    main()
