#!/usr/bin/env bash
# gguf's GGUFReader makes two numpy arrays of every word of a vocabulary when a file is opened, whatever is
# asked of it. To learn how wide the vectors of a multilingual model are takes
# hundreds of megabytes for a file whose header is 6 MB: as much memory as the quantised model itself
# needs on the small machines that GGUF is for.
#
# Seen with gguf 0.19.0, November 2026, for a vocabulary of 262,144 words (as Gemma's) with scores:
#   file 5.7 MB; opened: 9.3 s of CPU, 508 MB more than before; parts of `tokenizer.ggml.tokens`: 524,293
# A header that is stepped over instead (a length, then the next word) takes 0.1 s and nothing to speak of.
# Exits 1 if opening no longer costs so much.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check gguf==0.19.0
"$work/venv/bin/python" - "$work/words.gguf" <<'PY'
import resource
import sys
import time
from pathlib import Path

import gguf
import numpy as np

WORDS = 262_144
path = sys.argv[1]
writer = gguf.GGUFWriter(path, "llama")
writer.add_embedding_length(64)
writer.add_tokenizer_model("llama")
writer.add_token_list([b"word%d" % i for i in range(WORDS)])
writer.add_token_scores([0.0] * WORDS)
writer.add_tensor("token_embd.weight", np.zeros((100, 64), np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


before, start = peak_mb(), time.process_time()
reader = gguf.GGUFReader(path)
width = int(reader.fields["llama.embedding_length"].contents())
parts = len(reader.fields["tokenizer.ggml.tokens"].parts)
more = peak_mb() - before
print(f"file {Path(path).stat().st_size / 1e6:.1f} MB, width {width}")
print(f"opened: {time.process_time() - start:.1f} s of CPU, {more:.0f} MB more; {parts:,} parts")
sys.exit(0 if more > 200 and parts > 2 * WORDS else "opening a file costs less now")
PY
