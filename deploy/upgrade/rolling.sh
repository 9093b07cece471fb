#!/usr/bin/env bash
# Restart the services behind one nginx, one after the other, without a lost request: each is drained first.
# Usage: rolling.sh CONF COMMAND ADDRESS...     COMMAND restarts the service at the address that it gets as argument:
#   rolling.sh /etc/nginx/conf.d/serving.conf ./restart 10.0.0.1:8000 10.0.0.2:8000
# where ./restart has: ssh "${1%:*}" systemctl restart tabular-serving
# NGINX is the command (nginx), NGINX_PID the file with its process id (/run/nginx.pid).
set -euo pipefail
. "$(dirname "$0")/common.sh"
conf=$1 command=$2
shift 2

change() { # FROM TO: the line of this address, and wait until no request of before is left
  before=$(nginx_workers)
  sed "s/server ${address//./\\.}$1;/server $address$2;/" "$conf" >"$conf.new" && mv "$conf.new" "$conf"
  $nginx -t -q && $nginx -s reload
  until_true drained || say "requests to $address last longer than $patience s"
}

for address in "$@"; do
  grep -qF "server $address;" "$conf" || { say "$conf has no line: server $address;"; exit 1; }
done
[ "$#" -gt 1 ] || { say "one service alone cannot be drained: use in-place.sh"; exit 1; }
for address in "$@"; do
  change "" " down"
  "$command" "$address"
  until_true is_ready "$address" || { say "$address is not ready; it stays marked as down in $conf"; exit 1; }
  change " down" ""
  say "$address is done"
done
