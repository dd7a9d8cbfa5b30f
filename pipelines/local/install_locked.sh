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

install_wanted() {
    # shellcheck disable=SC2086  # PIP may be two words
    $PIP install -q --no-deps --require-hashes ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$@" -r "$wanted"
}

install_lines_of() {
    lines=$(printf %s "$1" | tr , '|')
    shift
    grep -E "# (.* )?($lines)( |\$)" requirements.lock > "$wanted"
    install_wanted "$@"
}

# Asked for by its own version first: of two builds that both fit, pip takes the one whose hash its index
# tells, and a folder of wheels tells none.
install_cpu_torch() {
    grep -E "# (.* )?($(printf %s "$1" | tr , '|'))( |\$)" requirements.lock |
        sed -n 's/^torch==\([^ ]*\)/torch==\1+cpu/p' > "$wanted"
    [ -s "$wanted" ] || return 0
    said=$(install_wanted 2>&1) || case $said in
    *"No matching distribution"* | *"no version of torch"*) echo "no CPU build of torch is offered here" ;;
    *) printf '%s\n' "$said" >&2; exit 1 ;;
    esac
}

torch_version() { "$PYTHON" -c "from importlib.metadata import version; print(version('torch'))" 2>/dev/null || echo none; }

for extra in $(printf %s "$extras" | tr , ' '); do
    grep -qE "# (.* )?$extra( |\$)" requirements.lock || {
        echo "requirements.lock has no line for the extra '$extra'. What to do: name extras of pyproject.toml, such as dev or serving,encoders" >&2
        exit 1
    }
done
install_cpu_torch "$extras"
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
