# What the upgrade scripts share. Keep it beside them.
patience=${PATIENCE:-120}
nginx=${NGINX:-nginx} pid_file=${NGINX_PID:-/run/nginx.pid}

say() { echo "$(basename "$0" .sh): $*" >&2; }
until_true() { # COMMAND...: at most $patience seconds
  local end=$((SECONDS + patience))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}
is_ready() { curl -fs --max-time 5 -o /dev/null "http://$1/health/ready"; }   # ADDRESS
nginx_workers() { pgrep -P "$(cat "$pid_file")"; }
drained() { ! nginx_workers | grep -qxF "$before"; } # no nginx worker of $before is left
