#!/bin/sh
# Installs the programs that some tests need beside git and Node, on Debian and Ubuntu. Run it as root.
set -e
missing=''
command -v git-lfs >/dev/null || missing="$missing git-lfs"
command -v script >/dev/null || missing="$missing bsdutils"
command -v zsh >/dev/null || missing="$missing zsh"
command -v fish >/dev/null || missing="$missing fish"
command -v tmux >/dev/null || missing="$missing tmux"
command -v perl >/dev/null || missing="$missing perl"
command -v bwrap >/dev/null || missing="$missing bubblewrap"
/usr/bin/python3 -c 'import pygit2' 2>/dev/null || missing="$missing python3-pygit2"
command -v git >/dev/null || missing="$missing git"
test -z "$missing" && exit 0
apt-get update -qq
# shellcheck disable=SC2086 -- a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "installed:$missing"
