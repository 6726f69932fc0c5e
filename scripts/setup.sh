#!/bin/sh
# Makes a fresh machine ready: Debian packages, the OS user of the data plane, a virtual
# environment at .venv with everything from the hashed lock file, and .venv/bin/holdfast in it.
#
#   scripts/setup.sh          what running Holdfast needs
#   scripts/setup.sh --dev    the tools of `make test` and `make lint` too
#
# It says what it installs before it does, starts no service, and does nothing the second time.
#   HOLDFAST_SETUP_DRY_RUN=1       print what would be done, change nothing
#   HOLDFAST_SETUP_SEARCH=DIR:...  look for programs here instead of PATH and the usual folders
#   HOLDFAST_SETUP_MIN_FREE_MB=N   room wanted on the disk (2048)
set -eu

cd "$(dirname "$0")/.."
root=$PWD
venv=$root/.venv
log=$root/build/setup.log
dry_run=${HOLDFAST_SETUP_DRY_RUN:-}
min_free_mb=${HOLDFAST_SETUP_MIN_FREE_MB:-2048}
case ${1:-} in
    '') lock=lock.txt ;;
    --dev) lock="lock-dev.txt" ;;
    *) echo "usage: scripts/setup.sh [--dev]" >&2 && exit 2 ;;
esac

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup failed: %s\n' "$*" >&2
    exit 1
}

# --- what is there ---------------------------------------------------------------------------

server_folders='/usr/lib/postgresql/*/bin:/usr/pgsql-*/bin:/opt/homebrew/opt/postgresql@*/bin:/usr/local/opt/postgresql@*/bin'
search=${HOLDFAST_SETUP_SEARCH:-$PATH:/usr/local/sbin:/usr/sbin:/sbin:$server_folders}

# Folders of the search path, globs resolved, one a line.
search_folders() {
    old_ifs=$IFS
    IFS=:
    # Unquoted on purpose: the folders hold globs.
    # shellcheck disable=SC2086
    printf '%s\n' $search
    IFS=$old_ifs
}

has_program() {
    for folder in $(search_folders); do
        [ -x "$folder/$1" ] && [ ! -d "$folder/$1" ] && return 0
    done
    return 1
}

# A PostgreSQL server of a supported major with the contrib programs and extensions.
has_postgresql() {
    for folder in $(search_folders); do
        [ -x "$folder/postgres" ] && [ -x "$folder/pg_amcheck" ] || continue
        major=$("$folder/postgres" --version 2>/dev/null | sed -E 's/[^0-9]*([0-9]+).*/\1/')
        case $major in 14 | 15 | 16 | 17 | 18) return 0 ;; esac
    done
    return 1
}

# etcd from 3.4 on: the first with the HTTP interface under /v3 that the platform uses.
has_etcd() {
    for folder in $(search_folders); do
        [ -x "$folder/etcd" ] || continue
        case $("$folder/etcd" --version 2>/dev/null | sed -n '1s/.*: *//p') in
            3.[0-3].* | 2.*) ;;
            *) return 0 ;;
        esac
    done
    return 1
}

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

has_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

# The interpreter of the virtual environment. The system's own comes first: an unprivileged user
# may execute it, which is not so for one below /root. Sets `python`, or leaves it empty.
find_python() {
    python=
    if [ -z "${HOLDFAST_SETUP_SEARCH:-}" ]; then
        set -- /usr/bin/python3 /usr/bin/python3.14 /usr/bin/python3.13 /usr/bin/python3.12 \
            /usr/bin/python3.11 /usr/local/bin/python3
    else
        set --
    fi
    for folder in $(search_folders); do
        set -- "$@" "$folder/python3" "$folder/python3.14" "$folder/python3.13" "$folder/python3.12" "$folder/python3.11"
    done
    for candidate in "$@"; do
        if [ -x "$candidate" ] && fits "$candidate" && has_venv "$candidate"; then
            python=$candidate
            return
        fi
    done
}

# --- Debian packages -------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

missing_packages() {
    missing=
    has_postgresql && has_program psql || missing="$missing postgresql"
    has_etcd || missing="$missing etcd-server"
    has_program etcdctl || missing="$missing etcd-client"
    has_program pgbackrest || missing="$missing pgbackrest"
    has_program pgbouncer || missing="$missing pgbouncer"
    find_python
    [ -n "$python" ] || missing="$missing python3-venv"
    missing=${missing# }
}

known_to_apt() {
    apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# `python3` of the distribution, or a newer one beside it where that is older than 3.11.
python_package() {
    if [ -x /usr/bin/python3 ]; then
        fits /usr/bin/python3 && echo python3-venv && return
    else
        minor=$(apt-cache depends python3 2>/dev/null | sed -nE 's/.* python3\.([0-9]+)$/\1/p' | head -n 1)
        [ "${minor:-11}" -ge 11 ] && echo python3-venv && return
    fi
    for version in 3.14 3.13 3.12 3.11; do
        known_to_apt "python$version-venv" && echo "python$version python$version-venv" && return
    done
    echo python3.11-venv
}

# The same programs are packaged under other names here and there.
name_packages() {
    packages=
    for package in $missing; do
        case $package in
            postgresql)
                # The server by its major, so that an upgrade of the distribution leaves it alone.
                major=$(apt-cache depends postgresql 2>/dev/null | sed -nE 's/.*postgresql-([0-9]+)$/\1/p' | head -n 1)
                [ -n "$major" ] && package="postgresql-$major postgresql-client-$major"
                ;;
            etcd-server | etcd-client) known_to_apt "$package" || package=etcd ;;
            python3-venv) package=$(python_package) ;;
        esac
        packages="$packages $package"
    done
    packages=${packages# }
}

# While packages are unpacked no service may start and no cluster `main` may be made: Holdfast
# runs its own, and the machine's owner did not ask for another. What is here already stays.
mark='Temporary, by the set-up of Holdfast.'
policy=/usr/sbin/policy-rc.d
cluster_folder=/etc/postgresql-common/createcluster.d
cluster_drop_in=$cluster_folder/holdfast-setup.conf
made_policy=
made_drop_in=

# A set-up that was killed may have left its own behind: they are removed with this one's.
is_ours() {
    grep -q "$mark" "$1" 2>/dev/null
}

hold_services() {
    if [ ! -e $policy ] || is_ours $policy; then
        made_policy=1
        printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" |
            as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
    made_drop_in=1
    as_root mkdir -p $cluster_folder
    printf '# %s\ncreate_main_cluster = false\n' "$mark" | as_root tee $cluster_drop_in >/dev/null
}

release_services() {
    [ -z "$made_policy" ] || as_root rm -f $policy
    [ -z "$made_drop_in" ] || as_root rm -f $cluster_drop_in
    made_policy=
    made_drop_in=
}

# A package enables its service for the next boot, too. Only units that were not there before.
disable_new_services() {
    command -v systemctl >/dev/null 2>&1 || return 0
    for unit in $new_units; do
        as_root systemctl disable --quiet "$unit" >>"$log" 2>&1 || true
    done
}

absent_units() {
    for unit in etcd postgresql pgbouncer; do
        [ -e "/lib/systemd/system/$unit.service" ] || printf '%s ' "$unit"
    done
}

apt() {
    # Ubuntu's needrestart would restart services of others.
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >>"$log" 2>&1
}

install_packages() {
    missing_packages
    if [ -z "$missing" ]; then
        if is_ours $policy && may_install && [ -z "$dry_run" ]; then
            as_root rm -f $policy $cluster_drop_in
        fi
        return 0
    fi
    if ! may_install; then
        if command -v apt-get >/dev/null 2>&1; then
            fail "these Debian packages are missing and neither root nor passwordless sudo is there to install them: $missing"
        fi
        fail "these programs are missing and there is no apt to install them with: $missing (Debian's package names)"
    fi
    if [ -n "$dry_run" ]; then
        name_packages
        say "would install with apt: $packages"
        return 0
    fi
    say "reading the package lists (apt-get update)"
    apt update || fail "apt-get update did not succeed, is there a network? ($log)"
    name_packages
    say "installing with apt, services not started: $packages"
    new_units=$(absent_units)
    trap release_services EXIT
    trap 'exit 130' INT TERM HUP
    hold_services
    # Unquoted on purpose: several names.
    # shellcheck disable=SC2086
    apt install --no-install-recommends $packages ||
        fail "apt-get could not install $packages: $(grep -E '^E: ' "$log" | tail -n 1) ($log)"
    release_services
    trap - EXIT INT TERM HUP
    disable_new_services
    missing_packages
    case " $missing " in
        *" etcd-server "*) fail "etcd 3.4 or later is needed, and this release's package is older or broken" ;;
        "  ") ;;
        *) fail "still missing after apt-get install: $missing" ;;
    esac
}

# --- the OS users of the databases -----------------------------------------------------------

make_user() {
    [ "$(id -u)" = 0 ] || return 0
    # The databases of applications, and the control plane's own, which those may not touch.
    for user in holdfast holdfast-control; do
        id "$user" >/dev/null 2>&1 && continue
        if [ -n "$dry_run" ]; then
            say "would create the system user $user"
            continue
        fi
        say "creating the system user $user (PostgreSQL refuses to run as root)"
        useradd --system --user-group --no-create-home --home-dir /nonexistent \
            --shell /usr/sbin/nologin "$user" >>"$log" 2>&1 ||
            fail "useradd could not create the system user $user ($log)"
    done
}

# --- the virtual environment -----------------------------------------------------------------

check_disk() {
    free_mb=$(df -Pk "$root" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free_mb" -ge "$min_free_mb" ] ||
        fail "$root has $free_mb MB free and $min_free_mb MB are needed"
}

# What the environment was made of: where it stands, its interpreter, its lock, its metadata.
stamp_of() {
    printf '%s %s %s\n' "$root" "$python" \
        "$(cat requirements/lock-build.txt "requirements/$1" pyproject.toml | sha256sum | cut -c 1-64)"
}

is_current() {
    [ -n "$python" ] || return 1
    [ -x "$venv/bin/holdfast" ] && [ -f "$venv/holdfast.stamp" ] || return 1
    stamp=$(cat "$venv/holdfast.stamp")
    # The environment with the tools is a superset of the one without.
    [ "$stamp" = "$(stamp_of "$lock")" ] || [ "$stamp" = "$(stamp_of lock-dev.txt)" ]
}

pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --quiet \
        --no-build-isolation --retries 3 "$@" >>"$log" 2>&1 && return 0
    if grep -qE 'NewConnectionError|Temporary failure in name resolution|Network is unreachable|ReadTimeout|ConnectTimeout|ProxyError' "$log"; then
        fail "pip cannot reach its package index, is there a network? ($log)"
    fi
    if grep -q 'No space left on device' "$log"; then
        fail "no space is left on the device under $root"
    fi
    fail "pip could not install the Python packages: $(grep -E '^ *ERROR: ' "$log" | tail -n 1) ($log)"
}

make_venv() {
    is_current && return 0
    count=$(grep -c '^[A-Za-z0-9]' "requirements/$lock")
    if [ -n "$dry_run" ]; then
        say "would install $count Python packages into .venv with ${python:-the Python that apt brings}"
        return 0
    fi
    started=$(date +%s)
    say "installing $count Python packages into .venv ($python, $("$python" -c 'import platform; print(platform.python_version())'), requirements/$lock)"
    case $(cat "$venv/holdfast.python" 2>/dev/null) in
        "$root $python") "$venv/bin/python" -m pip --version >/dev/null 2>&1 || rm -rf "$venv" ;;
        *) rm -rf "$venv" ;;
    esac
    rm -f "$venv/holdfast.stamp"
    if [ ! -d "$venv" ]; then
        "$python" -m venv "$venv" >>"$log" 2>&1 || fail "$python could not create $venv ($log)"
        printf '%s %s\n' "$root" "$python" >"$venv/holdfast.python"
    fi
    pip_install --require-hashes -r requirements/lock-build.txt
    pip_install --require-hashes -r "requirements/$lock"
    pip_install --no-deps --editable .
    stamp_of "$lock" >"$venv/holdfast.stamp"
    say ".venv/bin/holdfast is ready after $(($(date +%s) - started)) s"
}

# Two of them at once would write into one environment.
wait_for_turn() {
    command -v flock >/dev/null 2>&1 || return 0
    exec 9>"$root/build/setup.lock"
    flock -w 900 9 || fail "another setup has been running here for 15 minutes"
}

if [ -n "$dry_run" ]; then
    log=/dev/null
else
    mkdir -p "$root/build" 2>/dev/null || fail "$root is not writable"
    [ -w "$root/build" ] || fail "$root/build is not writable"
    wait_for_turn
    : >"$log"
fi
find_python
is_current || check_disk
install_packages
[ -n "$python" ] || [ -n "$dry_run" ] || fail "no Python of 3.11 or later with venv was found"
make_user
make_venv
