#compdef phasr
# zsh completion for phasr; made by: phasr completion zsh
#
# Nothing here is evaluated: neither what has been typed (a command may hold $(...)) nor what comes back (titles and branch
# names are other people's text).

_phasr() {
  local line value width=0
  local -a typed values texts shown
  local -i at=${words[(i)--]}
  if ((at > 1 && at < CURRENT)); then
    # What follows is somebody else's command line.
    shift $at words
    ((CURRENT -= at))
    _normal
    return
  fi

  # Quotes are taken off, nothing is expanded; the word under the cursor counts up to the cursor.
  ((CURRENT > 2)) && typed=("${(@Q)words[2,CURRENT-1]}")
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      [[ $PREFIX == --*=* ]] && compset -P 1 '*='
      _files
      return
    fi
    value=${line%%$'\t'*}
    values+=("$value")
    texts+=("${line#*$'\t'}")
    ((${#value} > width)) && width=${#value}
  done < <(command phasr complete -- "${typed[@]}" "${(Q)PREFIX}" 2>/dev/null)

  ((${#values} > 0)) || return 1
  for at in {1..${#values}}; do
    shown+=("${(r:width:)values[at]}  ${texts[at]}")
  done
  # Added as they are: compadd quotes what it inserts, and shows descriptions as plain text.
  compadd -V phasr -l -d shown -a -- values
}

if [[ ${funcstack[1]} == _phasr ]]; then
  _phasr "$@"
else
  compdef _phasr phasr
fi
