#!/bin/sh
# Stands in for an agent that streams: keeps its arguments and prompt, prints what it is told to, ends as it is told to.
run=${PHASR_RUN#*.}
run=${run%%.*}
printf '%s\n' "$@" >"$PLAY_DIR/args-$PHASR_TASK-$run"
cat >"$PLAY_DIR/prompt-$PHASR_TASK-$run"
echo "work of run $run" >>work.txt
echo 'a warning on standard error' >&2
cat "$PLAY_DIR/stream-$run"
while test -e "$PLAY_DIR/hold"; do sleep 0.02; done
exit "${PLAY_EXIT:-0}"
