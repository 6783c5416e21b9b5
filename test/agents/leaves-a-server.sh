#!/bin/sh
# Does its work and ends properly, but leaves a server running in a session of its own.
echo work > work.txt
setsid sh -c 'echo started > server; while :; do sleep 1000; done' >/dev/null 2>&1 &
while ! test -e server; do sleep 0.01; done
rm server
