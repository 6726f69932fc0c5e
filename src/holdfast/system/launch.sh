#!/bin/sh
# Starts a supervised program, or adopts the one that a killed supervisor has left behind.
#
# usage: launch.sh RECORD LOG PROGRAM [ARGUMENT...]
#
# RECORD keeps the pid and the start of the process, so that a pid that was given to somebody
# else is never mistaken for ours. Output goes straight to LOG: through a pipe of the
# supervisor's, a program would die of SIGPIPE soon after a kill -9 of the supervisor.
set -uf
# A pooler needs a descriptor a client; the usual soft limit of 1024 is too low for it.
# Not in POSIX, but in every shell that Linux has for /bin/sh; where it is missing, all goes on.
# shellcheck disable=SC3045
ulimit -S -n 65536 2>/dev/null || ulimit -S -n "$(ulimit -H -n)" 2>/dev/null
record=$1
log=$2
shift 2

# When the process with this id began; nothing for one that has ended.
started() {
    if [ -r /proc/self/stat ]; then
        { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
        # The second field, in parentheses, may hold blanks; behind it stands the state.
        # shellcheck disable=SC2086
        set -- ${line##*) }
        IFS= read -r boot </proc/sys/kernel/random/boot_id 2>/dev/null || boot=
        [ "$1" = Z ] || [ "$1" = X ] || printf '%s@%s' "${20}" "$boot"
    else
        ps -o lstart= -p "$1" 2>/dev/null
    fi
}

forward() {
    kill -s "$1" "$pid" 2>/dev/null
    pause=0.1
    [ -z "$nap" ] || kill "$nap" 2>/dev/null
}

adopt() {
    pause=1
    nap=
    parent=$(started "$PPID")
    for signal in TERM INT HUP QUIT USR1 USR2; do
        # shellcheck disable=SC2064
        trap "forward $signal" "$signal"
    done
    # Killed once more, the supervisor leaves us behind too; the next one adopts anew.
    while [ "$(started "$pid")" = "$start" ] && [ "$(started "$PPID")" = "$parent" ]; do
        sleep "$pause" &
        nap=$!
        wait "$nap"
    done
}

if [ -r "$record" ] && read -r pid start <"$record" && [ -n "$start" ] &&
    [ "$(started "$pid")" = "$start" ]; then
    exec >>"$log" 2>&1 </dev/null
    echo "holdfast: process $pid outlived its supervisor and goes on under the new one"
    adopt
    exit 0
fi

if [ -n "$(find "$log" -size +16384k 2>/dev/null)" ]; then
    mv -f "$log" "$log.1"
fi
printf '%s %s\n' "$$" "$(started $$)" >"$record.new" && mv -f "$record.new" "$record" || exit 1
exec "$@" >>"$log" 2>&1 </dev/null
