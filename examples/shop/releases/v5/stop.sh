#!/bin/sh
# Asks the service to end; whoever called waits until it is gone.
pid=$(cat ../../shop.pid 2>/dev/null) || exit 0
kill "$pid" 2>/dev/null
rm -f ../../shop.pid
