"""jobs/chat_template.py: deck lines that ask exactly as a model's own chat template does."""
import importlib.util
import json
import pathlib

import pytest

pytest.importorskip("jinja2")

SCRIPT = pathlib.Path(__file__).parents[2] / "jobs" / "chat_template.py"
spec = importlib.util.spec_from_file_location("chat_template", SCRIPT)
chat_template = importlib.util.module_from_spec(spec)
spec.loader.exec_module(chat_template)

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
# the system text goes into the last question
MISTRAL = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set rest = messages[1:] %}"
    "{% else %}{% set rest = messages %}{% endif %}{{ bos_token }}{% for message in rest %}{% if message['role'] == 'user' %}"
    "{% if loop.last and system is defined %}{{ '[INST] ' + system + '\n\n' + message['content'] + '[/INST]' }}"
    "{% else %}{{ '[INST] ' + message['content'] + '[/INST]' }}{% endif %}"
    "{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
)
# every turn begins with the begin token, the first one holds the system text
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = '<<SYS>>\n' + messages[0]['content']"
    " + '\n<</SYS>>\n\n' %}{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}{% for message in rest %}"
    "{% set content = (system if loop.first else '') + message['content'] %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content + ' [/INST]' }}{% else %}{{ ' ' + content + ' ' + eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}"
    "{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim"
    " + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


def model(folder, template, begin="<s>", adds_begin=True):
    config = {"bos_token": {"content": begin}, "eos_token": "</s>", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    single = [{"SpecialToken": {"id": begin, "type_id": 0}}] if adds_begin else []
    processor = {"type": "TemplateProcessing", "single": [*single, {"Sequence": {"id": "A", "type_id": 0}}]}
    (folder / "tokenizer.json").write_text(json.dumps({"post_processor": processor}))
    return str(folder)


def prompts(directory, system="", ask="{question}"):
    return chat_template.deck_prompts(directory, system, ask, chat_template.jinja_renderer(directory))


def asked(texts, begin):
    """As factsweep fills the prompts, and its tokenizer begins them."""
    shots = "".join(texts["shot"].replace("{question}", f"q{n}").replace("{answer}", f"a{n}") for n in range(3))
    return begin + texts["label"].replace("{shots}", shots).replace("{question}", "q")


def conversation(system=""):
    messages = [{"role": "system", "content": system}] if system else []
    for n in range(3):
        messages += [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]
    return [*messages, {"role": "user", "content": "q"}]


@pytest.mark.parametrize("template", [CHATML, LLAMA3, MISTRAL, LLAMA2, GEMMA])
@pytest.mark.parametrize("adds_begin", [True, False])
@pytest.mark.parametrize("system", ["", "Be # brief."])
def test_prompts_are_the_template_s(tmp_path, template, adds_begin, system):
    directory = model(tmp_path, template, adds_begin=adds_begin)
    texts, notes = prompts(directory, system)
    # what the tokenizer adds is not in the text, and nothing else is missing
    begins = adds_begin and template is not CHATML
    render = chat_template.jinja_renderer(directory)
    if notes:
        assert template in (LLAMA2, GEMMA) and system
        messages = conversation()
        for message in messages:
            if message["role"] == "user":
                message["content"] = f"{system}\n\n{message['content']}"
    else:
        messages = conversation(system)
    assert asked(texts, "<s>" if begins else "") == render(messages, True)
    alone = [message for message in messages if message["role"] == "system"] + messages[-1:]
    assert ("<s>" if begins else "") + texts["train"].replace("{question}", "q") == render(alone, True)
    assert texts["p_true"].endswith("The proposed answer is:")
    assert texts["p_true"].count("{answer}") == 1


def test_the_lines_of_a_deck(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(chat_template, "renderer", chat_template.jinja_renderer)
    directory = model(tmp_path, LLAMA3, "<|begin_of_text|>")
    assert chat_template.main([directory, "--system", 'Say "it".', "--ask", "Q: {question}"]) == 0
    printed = capsys.readouterr().out
    lines = dict(line.split(" = ", 1) for line in printed.splitlines() if " = " in line)
    assert lines["shot  "] == (
        r'"<|start_header_id|>user<|end_header_id|>\n\nQ: {question}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n'
        r'{answer}<|eot_id|>"'
    )
    assert lines["label "].startswith(r'"<|start_header_id|>system<|end_header_id|>\n\nSay \"it\".<|eot_id|>{shots}<|start')
    assert "[prompt]" in printed.splitlines()
    assert chat_template.main([str(tmp_path / "nowhere")]) == 2
    assert "has no chat template" in capsys.readouterr().err


def test_what_cannot_be_done_is_said(tmp_path):
    directory = model(tmp_path, None)
    with pytest.raises(chat_template.BadTemplate, match="has no chat template"):
        prompts(directory)
    with pytest.raises(chat_template.BadTemplate, match="needs {question} once"):
        prompts(model(tmp_path, CHATML), ask="question")
    with pytest.raises(chat_template.BadTemplate, match="not at all"):
        prompts(model(tmp_path, "{{ messages[-1]['content'] }}"))
    with pytest.raises(chat_template.BadTemplate, match="its chat template says: no"):
        prompts(model(tmp_path, "{{ raise_exception('no') }}"))
    with pytest.raises(chat_template.BadTemplate, match="first turn"):
        prompts(model(tmp_path, "{% for m in messages %}{{ m['content'] }}{% if loop.first %}:{% endif %};{% endfor %}"))


def test_the_default_of_several_templates(tmp_path):
    named = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": CHATML}]
    assert prompts(model(tmp_path, named))[0]["shot"].endswith("{answer}<|im_end|>\n")
    (tmp_path / "chat_template.jinja").write_text(GEMMA)
    assert prompts(str(tmp_path))[0]["shot"].endswith("{answer}<end_of_turn>\n")


def test_transformers_and_jinja2_agree(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<s>": 0, "</s>": 1, "x": 2}, unk_token="x"))
    for template in (CHATML, LLAMA3, MISTRAL, LLAMA2, GEMMA):
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>")
        tokenizer.chat_template = template
        tokenizer.save_pretrained(tmp_path)
        own = chat_template.deck_prompts(str(tmp_path), "S", "{question}", chat_template.transformers_renderer(str(tmp_path)))
        assert own == prompts(str(tmp_path), "S")


def test_the_k_shot_study_is_asked_in_the_same_turn(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(chat_template, "renderer", chat_template.jinja_renderer)
    directory = model(tmp_path, CHATML, "<|im_start|>", adds_begin=False)
    assert chat_template.main([directory, "--system", 'Say "so".', "--kshot"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "[kshot]",
        'template = "<|im_start|>system\\nSay \\"so\\".<|im_end|>\\n<|im_start|>user\\n{instruction}\\n{input}<|im_end|>\\n'
        '<|im_start|>assistant\\n"',
    ]
