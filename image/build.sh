#!/bin/sh
# Builds the image with docker or, where its daemon does not answer, with buildah: image/build.sh NAME [option...]
# Options go to the builder: --build-arg BASE=docker.io/library/debian@sha256:…, --platform linux/arm64, …
set -eu
cd "$(dirname "$0")/.."
name=$1
shift
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' agent/__init__.py)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

if docker info >/dev/null 2>&1; then
  set -- docker build "$@"
elif command -v buildah >/dev/null; then
  set -- buildah bud "$@"
else
  echo "numascope: building the image needs docker (its daemon running) or buildah" >&2
  exit 2
fi
exec "$@" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --tag "$name" .
