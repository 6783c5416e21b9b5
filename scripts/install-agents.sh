#!/bin/sh
# Installs the agent programs that test/real-agents.test.ts drives, where no dependency of the project's own is. Does nothing when they are there.
set -e
into="${PHASR_TEST_AGENTS:-$HOME/.cache/phasr-test-agents}"
install() { # package version program
  test "$(cat "$into/$3.version" 2>/dev/null)" = "$2" && test -x "$into/node_modules/.bin/$3" && return
  npm install --prefix "$into" --no-audit --no-fund --fetch-retries=1 --loglevel=error "$1@$2"
  "$into/node_modules/.bin/$3" --version >/dev/null
  echo "$2" >"$into/$3.version"
  echo "installed: $1 $2"
}
mkdir -p "$into"
install @anthropic-ai/claude-code 2.1.330 claude
install @openai/codex 0.169.0 codex
