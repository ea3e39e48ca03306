#!/usr/bin/env bash
# Prints a directory that holds etcd, kube-apiserver, kube-controller-manager,
# kube-scheduler, kubectl and kwok, building what is missing.
#
# The programs come from Go modules only, pinned by the go.mod and go.sum files
# beside this script, so that a test bed needs no image registry and no download
# site. The result lives outside the tree, in a directory named after the pins and
# the Go version: another checkout with the same pins shares it, and a changed pin
# never meets an old binary.
#
#   KUBEBUILDER_ASSETS   take the programs found there, and build only the others
#   FLEETGRAPH_CACHE     where the cache is (else XDG_CACHE_HOME, else ~/.cache)
#
# A full build takes about four to six minutes on two cores and 2 GB of memory.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FLEETGRAPH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fleetgraph}
programs=(etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok)

say() { echo "test tools: $*" >&2; }

command -v go >/dev/null || {
  say "Go is needed to build the control plane (see the go line in $here/kubernetes/go.mod)."
  exit 1
}
export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly

go_version=$(cd "$here/kubernetes" && go env GOVERSION)
pins=$({ echo "$go_version $(go env GOOS GOARCH | tr '\n' ' ')"; cat "$here"/{etcd,kubernetes,kwok}/go.{mod,sum}; } | sha256sum | cut -c1-16)
built=$cache/tools-$pins

# $1 = program. The module it comes from and the package to build.
module_of() { case $1 in etcd) echo etcd ;; kwok) echo kwok ;; *) echo kubernetes ;; esac; }
package_of() {
  case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    kwok) echo sigs.k8s.io/kwok/cmd/kwok ;;
    *) echo "k8s.io/kubernetes/cmd/$1" ;;
  esac
}

# Without these the API server reports v0.0.0-master, and clients that choose what
# to do by the server's version choose wrongly.
kubernetes_ldflags() {
  local version rest
  version=$(sed -n 's/^require k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p; s/^[[:space:]]k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p' "$here/kubernetes/go.mod" | head -n1)
  [ -n "$version" ] || { say "no k8s.io/kubernetes version in $here/kubernetes/go.mod"; exit 1; }
  rest=${version#v}
  local x=k8s.io/component-base/version
  echo "-X $x.gitVersion=$version -X $x.gitMajor=${rest%%.*} -X $x.gitMinor=$(cut -d. -f2 <<<"$rest")"
}

provided() { [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$1" ]; }

missing() {
  local p
  for p in "${programs[@]}"; do
    provided "$p" || [ -x "$built/$p" ] || echo "$p"
  done
}

build() {
  local scratch module p started packages ldflags
  mkdir -p "$built"
  scratch=$(mktemp -d "$cache/building.XXXXXX")
  # shellcheck disable=SC2064  # the path is wanted as it is now
  trap "rm -rf '$scratch'" EXIT
  for module in etcd kubernetes kwok; do
    packages=()
    for p in $(missing); do
      if [ "$(module_of "$p")" = "$module" ]; then packages+=("$(package_of "$p")"); fi
    done
    [ ${#packages[@]} -gt 0 ] || continue
    ldflags="-s -w"
    if [ "$module" = kubernetes ]; then ldflags="$ldflags $(kubernetes_ldflags)"; fi
    say "building ${packages[*]} with $go_version"
    started=$SECONDS
    (cd "$here/$module" && go build -ldflags "$ldflags" -o "$scratch/" "${packages[@]}") >&2
    say "$module done in $((SECONDS - started)) s"
    # etcd's package is the server's folder, so that is what go calls the program.
    # (Its path ends in /v3, which go leaves off.)
    if [ -e "$scratch/server" ]; then mv "$scratch/server" "$scratch/etcd"; fi
    # One rename for each finished program: an interrupted build leaves whole programs or none.
    for p in "$scratch"/*; do mv -f "$p" "$built/"; done
  done
}

mkdir -p "$cache"
if [ -n "$(missing)" ]; then
  exec 9>"$cache/tools.lock"
  flock -n 9 || { say "another build is running, waiting for it"; flock 9; }
  [ -z "$(missing)" ] || build
  exec 9>&-
fi

if [ -z "${KUBEBUILDER_ASSETS:-}" ]; then
  echo "$built"
  exit
fi

# With assets from elsewhere, one directory of links gives both under one path.
linked=$cache/assets-$(echo "$KUBEBUILDER_ASSETS $pins" | sha256sum | cut -c1-16)
mkdir -p "$linked"
for p in "${programs[@]}"; do
  if provided "$p"; then from=$KUBEBUILDER_ASSETS/$p; else from=$built/$p; fi
  [ "$(readlink "$linked/$p" || true)" = "$from" ] || ln -sfn "$from" "$linked/$p"
done
echo "$linked"
