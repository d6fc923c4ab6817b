#!/usr/bin/env bash
# The wheel alone, in a new environment outside the repository, does what the README promises of an
# installed package.          tests/docs/wheel.sh [PYTHON, which has `build`]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${1:-$root/.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH PYTHONDONTWRITEBYTECODE  # compiled once, not in every process
mkdir "$work/source" "$work/elsewhere"

cd "$root"  # from a copy of the tracked files, so that nothing else can slip in
git ls-files -z | xargs -0 cp --parents -t "$work/source"
"$python" -m build --wheel --outdir "$work" "$work/source" >"$work/said" || { cat "$work/said"; exit 1; }
"$python" -m zipfile -l "$work"/*.whl | awk '$1 ~ /^lora_np\// {print $1}' | sort >"$work/inside"
git ls-files lora_np | sort | diff - "$work/inside"  # all of the package, and no more

"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --no-compile "$(echo "$work"/*.whl)[classroom]"
cp notebooks/solutions/01_*.ipynb README.md "$work/elsewhere"
cd "$work/elsewhere"
PATH=$work/venv/bin:$PATH
export OMP_NUM_THREADS=1 PYTHONWARNINGS=error
run() { echo "+ $*"; "$@" >"$work/said" || { cat "$work/said"; exit 1; }; }

run lora-np --version
run python -m lora_np.worked_example --plot example.png
run lora-np tour
run lora-np grade 01_*.ipynb
printf 'One says this %s.\n\n' {1..400} >own.txt
run lora-np finetune --data own.txt --steps 1 --windows 1 --batch-size 1 --length 32 --out adapter
run lora-np generate --adapter adapter --tokens 5
run lora-np inspect adapter
run lora-np memory --shape 512 1536 --rank 8
run python -c 'import pathlib, re; exec(re.search(r"```python\n(.*?)```", pathlib.Path("README.md").read_text("utf-8"), re.S)[1])'
