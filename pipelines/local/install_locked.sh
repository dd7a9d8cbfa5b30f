#!/bin/sh
# Install what extras need: the versions and hashes of requirements.lock, nothing else.
#   sh pipelines/local/install_locked.sh EXTRAS [pip options]      EXTRAS as serving,encoders
# Settings: PIP (the installer), PYTHON (of the environment), TORCH_INDEX (an index of torch's CPU build).
# Used by the Makefile and by both Dockerfiles, from the repository's root.
set -eu
extras=$1
shift
PIP=${PIP:-python -m pip}
PYTHON=${PYTHON:-python}
wanted=$(mktemp)
trap 'rm -f "$wanted"' EXIT

install_lines_of() {
    lines=$(printf %s "$1" | tr , '|')
    shift
    grep -E "# (.* )?($lines)( |\$)" requirements.lock > "$wanted"
    # shellcheck disable=SC2086  # PIP may be two words
    $PIP install -q --no-deps --require-hashes ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$@" -r "$wanted"
}

torch_version() { "$PYTHON" -c "from importlib.metadata import version; print(version('torch'))" 2>/dev/null || echo none; }

install_lines_of "$extras,build" "$@"
build=$(torch_version)
case "$(uname -s) $build" in
Linux*+cpu | *none | Darwin*) ;;
*)
    echo "WARNING: torch $build is not the CPU build, so gigabytes of CUDA libraries come with it. What to do: start again in an empty environment with TORCH_INDEX set as the README says. It works all the same."
    install_lines_of cuda
    ;;
esac
echo "torch $build"
