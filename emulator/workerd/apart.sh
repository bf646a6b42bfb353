#!/bin/sh
# Starts workerd in a session of its own: a signal for the whole terminal would end it before its jobs were handed
# back. It dies with the process that started it all the same. Where a system lacks these commands, it just starts.
if command -v setpriv >/dev/null && command -v setsid >/dev/null; then
  exec setpriv --pdeathsig KILL setsid "$WORKERD_BINARY" "$@"
fi
exec "$WORKERD_BINARY" "$@"
