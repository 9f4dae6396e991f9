"""Every command of the documents and of the heads of decks: run as printed, cut down by words behind it, or else listed with the
reason, and parsed where it can be. One that is in neither table fails, and so does a row whose command stands nowhere.

Runs in a small copy of the repository that docs_commands.sh makes; its tables are docs_commands_table.py.
"""

import os
import re
import subprocess
import sys
import time

import docs_commands_table as table
import documents

failures = []


def fail(command, what, said=""):
    failures.append(f"{command.place}: {command.key}: {what}")
    print(f"FAILED {failures[-1]}\n{said[-3000:]}")


def shell(text, stdin=None):
    """Exit code, standard output, and both outputs together."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], stdin=open(stdin) if stdin else subprocess.DEVNULL, capture_output=True, timeout=1800
    )
    out = done.stdout.decode(errors="replace")
    return done.returncode, out, out + done.stderr.decode(errors="replace")


def as_meant(text, values):
    """[optional words] are taken, of [one | another] the first; words in capitals and other stand-ins get their values."""
    if "<<'" not in text:
        text = re.sub(r"(?<=\s)\[([^\]]*)\]", lambda found: found.group(1).split("|")[0], text)
    for name, value in values.items():
        text = re.sub(rf"(?<![\w$]){re.escape(name)}(?!\w)", lambda _, value=value: value, text)
    return text


def run(command, row):
    if row.needs and not os.path.exists(row.needs):
        print(f"left out, as there is no {row.needs}: {command.text}")
        return
    started = time.time()
    code, _, said = shell(f"{row.before}{as_meant(command.text, row.values)} {row.more}".strip(), row.stdin)
    if code not in row.codes:
        fail(command, f"exit code {code}", said)
    elif not all(word in said for word in row.says):
        fail(command, f"does not say {row.says}", said)
    else:
        print(f"run, {time.time() - started:.1f} s: {command.key}")


def parse(command, row):
    """A sweep: its effective deck. A script: its --help has every flag that the command has."""
    words = as_meant(command.text, row.values)
    words = re.sub(r"^.*?(?=(?:build/)?factsweep run )", "", words.removesuffix(" --print-deck"))
    if words.startswith(("factsweep run", "build/factsweep run")):
        code, _, said = shell(f"{words} --print-deck")
        if code:
            fail(command, "its deck is refused", said)
            return
    elif found := re.search(r"(python3? )?((?:tests|jobs)/\S+\.py)", words):
        code, out, said = shell(f"python {found.group(2)} --help")
        lacking = [flag for flag in re.findall(r"(?<=\s)--[\w-]+", command.text) if flag not in out]
        if code or lacking:
            fail(command, f"--help knows no {lacking}", said)
            return
    print(f"listed: {command.key}: {row.reason}")


def name_of_command(command):
    """`factsweep status` alone names a command; True where it does, and is one."""
    found = re.fullmatch(r"factsweep (\w+)", command.text)
    if not found:
        return False
    code, _, said = shell(f"{command.text} --help")
    if code:
        fail(command, "is no command", said)
    return True


def main():
    os.environ["PYTHONPATH"] = os.getcwd()
    by_text = {command.key: command for command in documents.commands()}
    known = {**table.RUN, **table.LISTED}
    twice = table.RUN.keys() & table.LISTED.keys()
    assert not twice, twice
    for text in known.keys() - by_text.keys():
        failures.append(f"docs_commands_table.py has a command that stands in no document: {text}")
    for command in by_text.values():
        if command.key not in known and not name_of_command(command):
            fail(command, "is neither run nor listed: add it to tests/system/docs_commands_table.py")
    for text, row in table.RUN.items():  # in the order of the table: some need what others left
        if text in by_text:
            run(by_text[text], row)
    for text, row in table.LISTED.items():
        if text in by_text:
            parse(by_text[text], row)
    print(f"{len(table.RUN)} commands run, {len(table.LISTED)} listed")
    if failures:
        print("\n".join(["", *failures]))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
