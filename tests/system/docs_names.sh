#!/usr/bin/env bash
# Every link, file, function and deck key that the documents name is there, and every command of theirs is run or listed.
# shellcheck source-path=SCRIPTDIR source=support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
python3 "$here/docs_names.py"
