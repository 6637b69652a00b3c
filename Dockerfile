# Two images out of one file:
#
#   docker build -t etl-jobs .                     the consumer: topic → objects
#   docker build --target dbt -t etl-dbt .         dbt and the loader: objects → DuckDB, models in DuckDB or Snowflake
#
# Whatever is installed comes from the lock files, by version and hash. docs/deployment.md says more.

ARG PYTHON_IMAGE=python:3.13-slim-trixie

# --- what builds: the installer, the wheel, an environment for each image --------------------------------------

FROM ${PYTHON_IMAGE} AS installer
# A mirror: --build-arg PIP_INDEX_URL=… --build-arg UV_DEFAULT_INDEX=…
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ENV UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/installer \
    && /opt/installer/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements/uv.txt

FROM installer AS wheel
# The compiled reader has no dependencies: the compiler is all that it needs, and stays behind here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cargo \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY rust/ rust/
COPY ingest/ ingest/
RUN REQUIRE_READER=1 /opt/installer/bin/uv build --wheel --require-hashes --build-constraints requirements/all.txt --out-dir /wheels

# Dependencies first: a change of our own code leaves them as they are.
FROM installer AS consumer-environment
RUN python -m venv --without-pip /opt/venv \
    && /opt/installer/bin/uv pip sync --python /opt/venv/bin/python --require-hashes requirements/consumer.txt
COPY --from=wheel /wheels /wheels
RUN /opt/installer/bin/uv pip install --python /opt/venv/bin/python --no-deps --no-index /wheels/*.whl

FROM installer AS dbt-environment
RUN python -m venv --without-pip /opt/venv \
    && /opt/installer/bin/uv pip sync --python /opt/venv/bin/python --require-hashes requirements/dbt.txt
COPY --from=wheel /wheels /wheels
RUN /opt/installer/bin/uv pip install --python /opt/venv/bin/python --no-deps --no-index /wheels/*.whl

# --- what both images have in common ----------------------------------------------------------------------------

FROM ${PYTHON_IMAGE} AS base
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.vendor="learner-events" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A user of no rights, by number: Kubernetes can't tell whether a name is root. HOME is where a read-only root
# still lets libraries write; nothing has to be there. /data is for volumes, which take its owner.
RUN groupadd --system --gid 10001 ingest \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ingest \
    && install -d -o ingest -g ingest /data
COPY infra/docker/healthcheck.py /opt/healthcheck.py
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080
EXPOSE 8080
USER 10001:10001
# The first signal flushes, commits and leaves the group, for SHUTDOWN_GRACE_SECONDS (30) and what is on its way
# then; Docker's own 10 s would cut that short: docker run --stop-timeout 90, stop_grace_period: 90s.
STOPSIGNAL SIGTERM

# --- dbt, and `ingest load` --------------------------------------------------------------------------------------

FROM base AS dbt
LABEL org.opencontainers.image.title="etl-dbt" \
      org.opencontainers.image.description="dbt over learner events, and their loader into DuckDB"
COPY --from=dbt-environment /opt/venv /opt/venv
COPY dbt_project/ /opt/dbt_project/
# What dbt writes beside the warehouse goes where a read-only root lets it.
ENV DBT_TARGET_PATH=/tmp/dbt/target \
    DBT_LOG_PATH=/tmp/dbt/logs \
    DUCKDB_PATH=/data/warehouse.duckdb
WORKDIR /opt/dbt_project
ENTRYPOINT ["dbt"]
CMD ["build"]

# --- the consumer: the default -----------------------------------------------------------------------------------

FROM base AS consumer
LABEL org.opencontainers.image.title="etl-jobs" \
      org.opencontainers.image.description="Learner events from a Kafka topic to Parquet objects, each exactly once"
COPY --from=consumer-environment /opt/venv /opt/venv
WORKDIR /tmp
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "/opt/healthcheck.py"]
ENTRYPOINT ["ingest"]
CMD ["consume"]
