#!/usr/bin/env bash
# sbom.sh STAGE OUT.json: the bill of materials (CycloneDX) of the Python packages in a stage of the Dockerfile. The tool gets an
# environment of its own. What Debian's base image has is the image scanner's to list.
set -euo pipefail
cd "$(dirname "$0")/../.."
stage=${1:?stage} out=${2:?file} version=7.5.0
case $stage in
  serving | registry) list=requirements-serving.txt ;;
  training | sagemaker) list=requirements.txt ;;
  *) echo "STAGE is serving, registry, training or sagemaker." >&2; exit 2 ;;
esac
own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT
python3 -m venv "$own/venv"
"$own/venv/bin/pip" install -q --disable-pip-version-check "cyclonedx-bom==$version"
options=(--sv 1.6 --of JSON --output-reproducible -o "$out")
if [ "$stage" = registry ]; then # what MLflow's client needs is in no list of ours: install it and look
  python3 -m venv "$own/stage"
  "$own/stage/bin/pip" install -q --disable-pip-version-check -r "$list" -c "$list" "$(grep -o 'mlflow-skinny==[0-9.]*' deploy/docker/Dockerfile)"
  "$own/venv/bin/cyclonedx-py" environment "${options[@]}" "$own/stage/bin/python"
else
  "$own/venv/bin/cyclonedx-py" requirements "${options[@]}" "$list"
fi
