#!/usr/bin/env bash
# Move nginx from one running service to another one, without a lost request.
# Usage: blue-green.sh CONF OLD NEW     such as /etc/nginx/conf.d/serving.conf 127.0.0.1:8000 127.0.0.1:8001
# NEW must run already, with a VAR_DIR of its own. Afterwards stop OLD, or go back with: blue-green.sh CONF NEW OLD
# NGINX is the command (nginx), NGINX_PID the file with its process id (/run/nginx.pid).
set -euo pipefail
. "$(dirname "$0")/common.sh"
conf=$1 old=$2 new=$3

grep -qF "server $old;" "$conf" || { say "$conf has no line: server $old;"; exit 1; }
until_true is_ready "$new" || { say "$new is not ready; nothing was changed"; exit 1; }
before=$(nginx_workers)
sed "s/server ${old//./\\.};/server $new;/" "$conf" >"$conf.new" && cp "$conf" "$conf.old" && mv "$conf.new" "$conf"
if ! $nginx -t -q; then
  mv "$conf.old" "$conf"
  say "nginx refuses the change; nothing was changed"
  exit 1
fi
rm "$conf.old"
$nginx -s reload
until_true drained || say "requests to $old last longer than $patience s; stop it when they have ended"
say "done: nginx sends to $new, and nothing is left at $old"
