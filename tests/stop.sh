# Sourced by the scripts that run suites: Ctrl-C and SIGTERM end the suites, too. (A job in the background of a script hears of no
# Ctrl-C, and make hands SIGTERM to its own child alone.)

descendants() { # PID SESSION: those of the session; what a lab has started has one of its own, and pytest ends that
    local child stat session
    for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do
        stat=$(cat "/proc/$child/stat" 2>/dev/null) || continue
        read -r _ _ _ session _ <<<"${stat##*) }"
        [ "$session" != "$2" ] || echo "$child"
        descendants "$child" "$2"
    done
}

stop_suites() { # and waits until they have cleaned up
    local pids stat session until=$((SECONDS + 120))
    trap '' INT TERM
    stat=$(cat "/proc/$$/stat")
    read -r _ _ _ session _ <<<"${stat##*) }"
    pids=$(descendants $$ "$session")
    kill -TERM $pids 2>/dev/null
    while [ "$SECONDS" -lt "$until" ] && kill -0 $pids 2>/dev/null; do sleep 0.2; done
    exit 130
}
trap stop_suites INT TERM
