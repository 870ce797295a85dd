# The image of numascope: Debian's Python and what requirements/runtime.txt locks; no compiler, no pip,
# no package manager, no shell.
#
#   make image IMAGE=registry.example.com/numascope:0.1.0
#
# BASE is best given with a digest: --build-arg BASE=docker.io/library/debian@sha256:…; any Debian 12 will do.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS debian
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libudev1 python3 \
 && rm -rf /var/lib/apt/lists/*

FROM debian AS build
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv
COPY requirements /src/requirements
RUN python3 -m venv --without-pip /opt/numascope \
 && python3 -m venv /src/tools \
 && /src/tools/bin/pip --disable-pip-version-check install --no-cache-dir --require-hashes --requirement /src/requirements/build.txt \
 && /src/tools/bin/pip --disable-pip-version-check --python /opt/numascope/bin/python install --no-cache-dir --no-compile \
      --only-binary :all: --require-hashes --requirement /src/requirements/runtime.txt
COPY pyproject.toml README.md LICENSE /src/
COPY agent /src/agent
COPY collectors /src/collectors
RUN /src/tools/bin/pip --disable-pip-version-check wheel --no-deps --no-build-isolation --wheel-dir /src/dist /src \
 && /src/tools/bin/pip --disable-pip-version-check --python /opt/numascope/bin/python install --no-compile --no-deps /src/dist/*.whl \
 && /opt/numascope/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/numascope/lib

FROM debian AS root
COPY --from=build /opt/numascope /opt/numascope
COPY image/rootfs.py /src/
RUN python3 /src/rootfs.py /rootfs

FROM scratch
COPY --from=root /rootfs /
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="numascope" \
      org.opencontainers.image.description="NUMA, CPU, hugepage, PCIe and GPU topology of a node, and what the kubelet made of it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/numascope/bin:/usr/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Nobody, for who runs it alone; the manifests give it the user whose the kubelet's sockets are.
USER 65534:65534
EXPOSE 9787
ENTRYPOINT ["numascope"]
CMD ["agent"]
