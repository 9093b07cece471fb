#!/usr/bin/env bash
# release.sh canary IMAGE [WEIGHT]   the image IMAGE beside the stable one, with WEIGHT of a hundred requests (5)
# release.sh stable IMAGE            IMAGE becomes the stable one, and gets every request; the canary ends
# release.sh back                    the canary ends; the stable one gets every request
# IMAGE is name@sha256:...; NAMESPACE says where, ROUTER is gateway or istio, OVERLAY the overlay of the stable one, COMPONENTS
# what both add, such as "artifacts-volume monitoring". With PRINT=1 it prints what it would apply and asks no cluster.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
what=${1:?canary, stable or back} image=${2:-} weight=${3:-5}
: "${ROUTER:=gateway}" "${NAMESPACE:=serving}" "${OVERLAY:=$here/overlays/postgresql}" "${COMPONENTS:=}"

case $what in
  canary | stable) [[ $image =~ ^[^@[:space:]]+@sha256:[0-9a-f]{64}$ ]] || { echo "IMAGE must be name@sha256:digest." >&2; exit 2; } ;;
  back) ;;
  *) echo "The first argument is canary, stable or back." >&2; exit 2 ;;
esac
[[ $weight =~ ^[0-9]+$ && $weight -le 100 ]] || { echo "WEIGHT must be 0 to 100." >&2; exit 2; }
[ "$ROUTER" = gateway ] || [ "$ROUTER" = istio ] || { echo "ROUTER must be gateway or istio." >&2; exit 2; }

own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT

# apply FOLDER LINES: the folder with these lines of a kustomization on top.
apply() {
  rm -rf "$own/built" && mkdir "$own/built"
  { printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: %s\n' "$NAMESPACE"
    printf 'resources: [%s]\n%s\n' "$(realpath --relative-to="$own/built" "$1")" "$2"; } >"$own/built/kustomization.yaml"
  if [ -n "${PRINT:-}" ]; then
    kubectl kustomize "$own/built"
    echo ---
  else
    kubectl apply -k "$own/built"
  fi
}
with_image() { # the image, and the components
  echo "components:"
  for component in $COMPONENTS; do echo "  - $(realpath --relative-to="$own/built" "$here/components/$component")"; done
  printf 'images: [{name: tabular-serving, newName: "%s", digest: "%s"}]' "${image%@*}" "${image#*@}"
}
weights() { # weights CANARY
  local rule=/spec/rules/2/backendRefs kind=HTTPRoute
  [ "$ROUTER" = gateway ] || rule=/spec/http/2/route kind=VirtualService
  apply "$here/canary/$ROUTER" "patches:
  - target: {kind: $kind}
    patch: |
      - {op: replace, path: $rule/0/weight, value: $((100 - $1))}
      - {op: replace, path: $rule/1/weight, value: $1}"
}
ready() { [ -n "${PRINT:-}" ] || kubectl -n "$NAMESPACE" rollout status "deployment/$1" --timeout=10m; }

if [ "$what" = canary ]; then
  apply "$here/canary/pods" "$(with_image)"
  ready tabular-serving-canary
  weights "$weight"
  exit
fi
if [ "$what" = stable ]; then
  apply "$OVERLAY" "$(with_image)"
  ready tabular-serving
fi
weights 0
[ -n "${PRINT:-}" ] || kubectl -n "$NAMESPACE" delete --ignore-not-found deployment/tabular-serving-canary
