"""Writes the prompts of the labelling benchmark, so that factsweep and its peers answer the very same ones.

    python tests/benchmarks/labelling_prompts.py RESULTS.h5 --relation P17 --questions 64 > prompts.json
    python tests/benchmarks/labelling_prompts.py train/P17.train.json.gz --questions 64 > prompts.json

From a result file: its questions with the exemplar sets that factsweep drew. From a file of facts (EntityQuestions):
10 sets of 4 facts and the questions, drawn from --seed.
"""

import argparse
import gzip
import json
import random


def from_results(path, relation, count):
    import h5py

    with h5py.File(path) as file:
        labels = file["labels/base"]
        shots = labels["exemplars"][relation]
        sets = [
            [{"question": q.decode(), "answer": a.decode()} for q, a in zip(questions, answers)]
            for questions, answers in zip(shots["question"][:], shots["answer"][:])
        ]
        rows = [row for row, name in enumerate(labels["relation"][:]) if name.decode() == relation][:count]
        question, answer = labels["question"][:], labels["answer"][:]
        return [{"question": question[row].decode(), "answer": answer[row].decode()} for row in rows], sets


def from_facts(path, count, seed):
    with gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8") as file:
        facts = [{"question": fact["question"], "answer": fact["answers"][0]} for fact in json.load(file)]
    random.Random(seed).shuffle(facts)
    return facts[40 : 40 + count], [facts[4 * index : 4 * index + 4] for index in range(10)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--relation", default="P17", help="of a result file (default %(default)s)")
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.source.endswith(".h5"):
        questions, sets = from_results(options.source, options.relation, options.questions)
    else:
        questions, sets = from_facts(options.source, options.questions, options.seed)
    print(json.dumps({"questions": questions, "sets": sets}, indent=1))


if __name__ == "__main__":
    main()
