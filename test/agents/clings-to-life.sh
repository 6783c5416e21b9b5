#!/bin/sh
# Ignores SIGTERM and leaves a double-forked child, a child in a session of its own and a listening server, all of which ignore it too.
trap '' TERM INT HUP
echo "work of $PHASR_TASK" > work.txt
( ( trap '' TERM; exec sleep 1000 ) & )
setsid sh -c 'trap "" TERM; while :; do sleep 1000; done' &
setsid node -e 'process.on("SIGTERM", () => {}); require("net").createServer().listen(0, "127.0.0.1", function () { require("fs").writeFileSync(process.argv[1], String(this.address().port)); })' "$PORT_FILE-$PHASR_TASK" &
echo ready
while :; do sleep 1000; done
