#!/usr/bin/env bash
# The tests in WebAssembly, from nothing: Pyodide is put together, then pytest runs in it, in Node.
#
#   tests/webassembly/run.sh           what a lesson in the browser stands on, one case in ten: CI
#   tests/webassembly/run.sh tests     all of them, twenty minutes; any argument goes to pytest
#
# PYODIDE_WHEELS: a folder with Pyodide's compiled wheels; without it the official distribution is
# asked. PYTHON, which has `packaging`: the environment's. Where neither has the wheels, or there is
# no Node, this says so and fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
read -ra packages <tests/webassembly/packages.txt
"${PYTHON:-.venv/bin/python}" site/pyodide.py out/pyodide \
  ${PYODIDE_WHEELS:+--wheels "$PYODIDE_WHEELS"} "${packages[@]}"
laws=(tests/nn tests/quant tests/objectives tests/methods tests/checkpoint tests/system)
laws+=(tests/contracts/test_{contract,mutants,caches,loaders,any_by_any}.py --one-in 10)
node tests/webassembly/run.mjs out/pyodide --hypothesis-profile=webassembly "${@:-${laws[@]}}"
