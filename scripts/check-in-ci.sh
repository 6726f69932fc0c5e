#!/usr/bin/env bash
# What the GitHub Action runs: installs `check` unless it is there, finds out what the branch adds,
# and prints annotations; the job's summary gets the same as Markdown. All of it is asked for by
# CHECK_* variables (action.yml says what they mean).
set -euo pipefail
format=${1:-github}

if ! command -v holdfast >/dev/null; then
    environment=${RUNNER_TEMP:-/tmp}/holdfast-check
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "$CHECK_SOURCE"
    PATH=$environment/bin:$PATH
fi

since=${CHECK_SINCE:-}
if [ "$since" = auto ]; then
    since=
    if [ -n "${GITHUB_BASE_REF:-}" ]; then
        git fetch --quiet --no-tags origin "$GITHUB_BASE_REF"
        since=$(git rev-parse FETCH_HEAD)
    fi
fi

arguments=()
# Unquoted on purpose: several words; without expansion of what looks like a pattern.
set -f
# shellcheck disable=SC2206
arguments+=(${CHECK_PATHS:-.} ${CHECK_ARGUMENTS:-})
set +f
[ -z "$since" ] || arguments+=(--since "$since")
[ -z "${CHECK_FAIL_ON:-}" ] || arguments+=(--fail-on "$CHECK_FAIL_ON")
[ -z "${CHECK_SERVER_VERSION:-}" ] || arguments+=(--server-version "$CHECK_SERVER_VERSION")
[ -z "${CHECK_SCHEMA:-}" ] || arguments+=(--schema "$CHECK_SCHEMA")

if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    holdfast check "${arguments[@]}" --output markdown >>"$GITHUB_STEP_SUMMARY" || true
fi
exec holdfast check "${arguments[@]}" --output "$format"
