#!/usr/bin/env bash
# Upgrade the service on this host without a lost request: a new master takes the address over, then the old one ends.
# Usage: in-place.sh MASTER_PID [URL]     with the new code in place. Run it again with the old code to go back.
# Until the last step the old master can go on, and does where the new one does not get ready: then the status is 1.
set -euo pipefail
. "$(dirname "$0")/common.sh"
old=$1 url=${2:-http://127.0.0.1:8000}

find_new() { # the child of the old master that was started by its SIGUSR2
  local pid
  for pid in $(pgrep -P "$old"); do
    if tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qx "GUNICORN_PID=$old"; then
      new=$pid
      return 0
    fi
  done
  return 1
}

ended() { [[ $(ps -o stat= -p "$1") == Z* ]] || ! kill -0 "$1" 2>/dev/null; } # in containers nobody may reap it

new_is_ready() { # an answer of one of the new master's workers
  local worker
  ! ended "$new" || { say "the new master has ended, its log says why; the old one goes on"; exit 1; }
  worker=$(curl -fs --max-time 5 "$url/health/ready" | grep -o '"worker": *[0-9]*' | grep -o '[0-9]*$') || return 1
  [ "$(ps -o ppid= -p "$worker" | tr -d ' ')" = "$new" ]
}

old_has_no_workers() {
  local pid
  for pid in $(pgrep -P "$old"); do
    [ "$pid" = "$new" ] || ! tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q gunicorn || return 1
  done
}

kill -USR2 "$old"
until_true find_new || { say "no new master started; the old one goes on"; exit 1; }
say "the new master is $new"
until_true new_is_ready || { say "the new master is not ready; the old one goes on"; kill -TERM "$new"; exit 1; }
kill -WINCH "$old" # its workers finish what they have, and end
until_true old_has_no_workers || say "the old workers stay; the old master has a terminal, or requests that last"
if ! until_true new_is_ready; then
  say "the new master is not ready any more; back to the old one"
  kill -HUP "$old" && sleep 5 && kill -TERM "$new"
  exit 1
fi
kill -TERM "$old"
until_true ended "$old" || { say "the old master does not end"; exit 1; }
say "done: the master is $new"
