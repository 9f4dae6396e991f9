"""What world_and_status.sh runs: are a world's files EntityQuestions, and do exposures count the corpus's statements?"""

import json
import sys
from pathlib import Path

world = Path(sys.argv[1])
facts = world / "facts"
templates = json.loads((facts / "relation_query_templates.json").read_text())
exposures = json.loads((facts / "exposures.json").read_text())
assert sorted(templates) == sorted(exposures) == [f"W{i}" for i in range(1, 7)]

# a statement is a line of no quiz: "Q: " and "A: ", or an instruction, its question and its answer
documents = (world / "corpus.txt").read_text().splitlines()
lines, rest = [], iter(documents)
for line in rest:
    if line == "Answer the following question.":
        next(rest), next(rest)
    elif not line.startswith(("Q: ", "A: ")):
        lines.append(line)

answer_of, split_of = {}, {}
for split in ("train", "dev", "test"):
    for relation, template in templates.items():
        before, after = template.split("[X]")
        for record in json.loads((facts / split / f"{relation}.{split}.json").read_text()):
            assert sorted(record) == ["answers", "question"] and len(record["answers"]) == 1, record
            question = record["question"]
            assert question.startswith(before) and question.endswith(after), question
            fact = (relation, question[len(before) : len(question) - len(after)])
            assert fact not in answer_of, f"{fact} is in {split_of[fact]} and {split}"
            answer_of[fact], split_of[fact] = record["answers"][0], split
assert len(answer_of) == 360, len(answer_of)
assert {(relation, subject) for relation, counts in exposures.items() for subject in counts} == set(answer_of)

# words are invented, each once: a subject and an object in one line mean one relation's fact
subjects = {subject for _, subject in answer_of}
counted = dict.fromkeys(answer_of, 0)
objects = {}
for (relation, _), answer in answer_of.items():
    assert objects.setdefault(answer, relation) == relation, f"{answer} is an object of two relations"
statements = 0
for line in lines:
    words = line.replace(".", " ").replace(",", " ").replace("'s ", " ").split()
    named = [subject for subject in (" ".join(pair) for pair in zip(words, words[1:])) if subject in subjects]
    told = [word for word in words if word in objects]
    assert len(named) == 1 and len(told) == 1, f"not one statement: {line!r}: {named}, {told}"
    fact = (objects[told[0]], named[0])
    assert answer_of[fact] == told[0], f"{line!r} contradicts {fact}: {answer_of[fact]}"
    counted[fact] += 1
    statements += 1
wrong = {fact: (count, exposures[fact[0]][fact[1]]) for fact, count in counted.items() if count != exposures[fact[0]][fact[1]]}
assert not wrong, f"(statements, exposures): {list(wrong.items())[:5]}"
unseen = sum(count == 0 for count in counted.values()) / len(counted)
assert 0.3 < unseen < 0.5, unseen

# quizzes tell nothing that no statement tells
text = "\n".join(documents)
for (relation, subject), answer in answer_of.items():
    if counted[relation, subject] == 0:
        assert templates[relation].replace("[X]", subject) not in text, f"the corpus asks for {relation} of {subject}, an unseen fact"
shares = {split: sum(s == split for s in split_of.values()) / len(split_of) for split in ("train", "dev", "test")}
assert 0.4 < shares["train"] < 0.6 and 0.1 < shares["dev"] < 0.25 and 0.25 < shares["test"] < 0.42, shares
print(f"{len(answer_of)} facts, {statements} statements, {unseen:.0%} unseen")
