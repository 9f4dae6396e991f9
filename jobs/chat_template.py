#!/usr/bin/env python3
"""Prints the [prompt] section of a deck that asks an instruct model in its own chat template; of the K-shot study its template.

    jobs/chat_template.py MODEL [--system TEXT] [--ask 'Answer briefly. {question}'] [--kshot] >>my.ini

MODEL is a Hugging Face directory with a chat template, in chat_template.jinja or in tokenizer_config.json. Exemplars become
earlier turns: the user's with the question, the model's with the answer. The begin token is left out where the tokenizer adds
it. transformers renders the template where it is installed, else jinja2.
"""
import argparse
import json
import os
import sys

QUESTION, ANSWER = "QQfactsweepQQ{}QQ", "AAfactsweepAA{}AA"


class BadTemplate(Exception):
    pass


def read_json(directory, name):
    path = os.path.join(directory, name)
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def template_text(directory):
    """The chat template; of several named ones the default."""
    path = os.path.join(directory, "chat_template.jinja")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return file.read()
    text = read_json(directory, "chat_template.json").get("chat_template")
    text = text or read_json(directory, "tokenizer_config.json").get("chat_template")
    if isinstance(text, list):
        text = {one["name"]: one["template"] for one in text}.get("default")
    if not text:
        raise BadTemplate(
            f"{directory} has no chat template, neither chat_template.jinja nor 'chat_template' in tokenizer_config.json: "
            "it is no instruct model, and SliCK's own prompts fit it."
        )
    return text


def special_tokens(directory):
    tokens = {**read_json(directory, "special_tokens_map.json"), **read_json(directory, "tokenizer_config.json")}
    texts = {}
    for name, token in tokens.items():
        if name.endswith("_token") and token:
            texts[name] = token["content"] if isinstance(token, dict) else token
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def adds_begin_token(directory, begin):
    """Whether the tokenizer puts the begin token before every text by itself."""
    if not begin:
        return False
    processor = read_json(directory, "tokenizer.json").get("post_processor")
    if processor is not None:
        for one in processor.get("processors", [processor]):
            if any("SpecialToken" in piece and piece["SpecialToken"]["id"] == begin for piece in one.get("single", [])[:1]):
                return True
        return False
    config = read_json(directory, "tokenizer_config.json")
    return config.get("add_bos_token", "Llama" in config.get("tokenizer_class", ""))


def jinja_renderer(directory):
    import datetime

    from jinja2.exceptions import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message):
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    template = environment.from_string(template_text(directory))
    tokens = special_tokens(directory)

    def render(messages, asks):
        try:
            return template.render(messages=messages, add_generation_prompt=asks, enable_thinking=False, **tokens)
        except TemplateError as error:
            raise BadTemplate(f"{directory}: its chat template says: {error}") from None

    return render


def transformers_renderer(directory):
    from jinja2.exceptions import TemplateError
    from transformers import AutoTokenizer

    template = template_text(directory)
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)

    def render(messages, asks):
        try:
            return tokenizer.apply_chat_template(
                messages, chat_template=template, tokenize=False, add_generation_prompt=asks, enable_thinking=False
            )
        except TemplateError as error:
            raise BadTemplate(f"{directory}: its chat template says: {error}") from None

    return render


def renderer(directory):
    try:
        import transformers  # noqa: F401
    except ImportError:
        return jinja_renderer(directory)
    return transformers_renderer(directory)


def parted(text, marks):
    """The parts of the text before, between and after the marks, each of which it holds once and in this order."""
    parts = []
    for mark in marks:
        if text.count(mark) != 1:
            raise BadTemplate("the chat template shows a turn more than once, or not at all: write [prompt] by hand.")
        before, text = text.split(mark)
        parts.append(before)
    return [*parts, text]


def conversation(system, ask, turns, last):
    messages = [{"role": "system", "content": system}] if system else []
    for number in range(turns):
        messages.append({"role": "user", "content": ask.replace("{question}", QUESTION.format(number))})
        messages.append({"role": "assistant", "content": ANSWER.format(number)})
    if last:
        messages.append({"role": "user", "content": ask.replace("{question}", last)})
    return messages


def common_start(one, other):
    return one[: len(os.path.commonprefix([one, other]))]


def prompts_of(render, system, ask):
    """shot, label and train of a template that repeats its turns. BadTemplate: it does not."""
    marks = [text.format(number) for number in range(2) for text in (QUESTION, ANSWER)]
    asked = render(conversation(system, ask, 2, QUESTION.format("last")), True)
    head, middle, between, again, before_last, tail = parted(asked, [*marks, QUESTION.format("last")])
    told = render(conversation(system, ask, 1, None), False)
    end = common_start(between, parted(told, marks[:2])[2])
    turn = between[len(end) :]
    if not end or not head.endswith(turn) or again != middle or not before_last.startswith(end):
        raise BadTemplate("the chat template's first turn is another than those after it.")
    shot = f"{turn}{{question}}{middle}{{answer}}{end}"
    label = f"{head[: len(head) - len(turn)]}{{shots}}{before_last[len(end) :]}{{question}}{tail}"
    alone = render(conversation(system, ask, 0, QUESTION.format("last")), True)
    before, after = parted(alone, [QUESTION.format("last")])
    shots = "".join(
        shot.replace("{question}", QUESTION.format(n)).replace("{answer}", ANSWER.format(n)) for n in range(2)
    )
    if label.replace("{shots}", shots).replace("{question}", QUESTION.format("last")) != asked:
        raise BadTemplate("the chat template cannot be parted into turns: write [prompt] by hand.")
    return {"shot": shot, "label": label, "train": f"{before}{{question}}{after}"}


def with_p_true(prompts, render, system):
    """The question of appendix J as the user's turn; the model's begins as the paper's prompt ends."""
    text = "Question: {question}\nProposed Answer: {answer}\nIs the proposed answer:\n\n(A) True\n(B) False"
    mark = QUESTION.format("true")
    before, after = parted(render(conversation(system, "{question}", 0, mark), True), [mark])
    return {**prompts, "p_true": f"{before}{text}{after}The proposed answer is:"}


def without_begin(prompts, begin):
    """The begin token, which the tokenizer adds, is taken from the first turn of every prompt."""
    prompts = dict(prompts)
    if prompts["label"].startswith("{shots}" + begin) and prompts["shot"].startswith(begin):
        # each turn begins with one: it closes the turn before instead
        prompts["shot"] = prompts["shot"][len(begin) :] + begin
        prompts["label"] = "{shots}" + prompts["label"][len("{shots}" + begin) :]
    return {name: text[len(begin) :] if text.startswith(begin) else text for name, text in prompts.items()}


def deck_prompts(directory, system="", ask="{question}", render=None):
    """The prompts, and what a reader of the deck should know of them."""
    if ask.count("{question}") != 1:
        raise BadTemplate(f"--ask '{ask}' needs {{question}} once.")
    render = render or renderer(directory)
    notes = []
    try:
        prompts = with_p_true(prompts_of(render, system, ask), render, system)
    except BadTemplate:
        if not system:
            raise
        before_each = system + "\n\n"
        prompts = prompts_of(render, "", before_each + ask)
        prompts = with_p_true(prompts, render, "")
        notes.append("the template takes no system text of its own: it begins every question")
    begin = special_tokens(directory).get("bos_token", "")
    if adds_begin_token(directory, begin):
        prompts = without_begin(prompts, begin)
    return prompts, notes


def kshot_template(prompts):
    """What one question is asked by, as kshot.template has it."""
    return prompts["train"].replace("{question}", "{instruction}\n{input}")


def quoted(text):
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = text.replace(plain, written)
    return f'"{text}"'


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--system", default="", help="a system text")
    parser.add_argument("--ask", default="{question}", help="what the user's turn says")
    parser.add_argument("--kshot", action="store_true", help="the K-shot study's kshot.template instead")
    flags = parser.parse_args(arguments)
    try:
        prompts, notes = deck_prompts(flags.model, flags.system, flags.ask)
    except (BadTemplate, OSError, ValueError) as error:
        print(f"chat_template.py: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        print(f"chat_template.py: {error}: install transformers or jinja2.", file=sys.stderr)
        return 3
    print(f"# the chat template of {os.path.basename(os.path.abspath(flags.model))}")
    for note in notes:
        print(f"# {note}")
    if flags.kshot:
        print(r"# where no example has an input: without \n{input}")
        print("[kshot]")
        print(f"template = {quoted(kshot_template(prompts))}")
        return 0
    print("[prompt]")
    for name, text in prompts.items():
        print(f"{name:<6} = {quoted(text)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
