#!/bin/sh
# Sets the stage for a service and waits for it. Planted: the signal ends the shell, and the service goes on.
export SERVICE_NAME=orders
"$@" &
echo "$SERVICE_NAME is process $!"
trap 'echo stopping; exit 0' TERM INT
wait
