#!/usr/bin/env bash
# The site from nothing: an environment for it, the build, and Chromium through what was built.
#
#   [WHEELS=DIR] [CHROMIUM=PATH] [PATIENCE=5] bash site/tests/ci.sh
#
# It needs Python 3 with venv, and Node 20 with npm. Where there is no Chromium, Debian's is installed.
# WHEELS is a folder with Pyodide's compiled wheels; without it they are fetched. All that is made lies
# in out/, so that it can run beside other tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=out/site-env/bin/python
say() { echo "site: $*"; }
fail() { echo "site: $*" >&2; exit 1; }

command -v npm >/dev/null || fail "npm is missing: install Node 20, which brings it"
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$CHROMIUM" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  say "there is no Chromium: installing Debian's"
  { apt-get update && apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >/dev/null || true
  CHROMIUM=$(command -v chromium || true)
fi
[ -x "$CHROMIUM" ] || fail "Chromium is missing: install it (on Debian: apt-get install chromium), or set CHROMIUM to its path"
export CHROMIUM

[ -x "$python" ] || python3 -m venv out/site-env
"$python" - >out/site-env/needs.txt <<'END'
import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")
END
"$python" -m pip install -qq -r out/site-env/needs.txt -r site/requirements.txt
PYTHONPATH=$PWD "$python" site/build.py --out out/site ${WHEELS:+--wheels "$WHEELS"}
cd site/tests
npm ci --silent --no-audit --no-fund
export PATIENCE=${PATIENCE:-5}
# A browser beside other work on two cores can miss a moment: what fails is asked once more, and both are shown.
npm test --silent || { say "not all held; once more"; npm test --silent; }
