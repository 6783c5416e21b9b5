# bash completion for phasr; made by: phasr completion bash
#
# Nothing here is evaluated: neither what has been typed (a command may hold $(...)) nor what comes back (titles and branch
# names are other people's text). Written for bash 3.2 too, which lists without descriptions.

_phasr() {
  local IFS=$' \t\n' i stripped word rest=${COMP_LINE:0:COMP_POINT} words=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -- ]] || continue
    # What follows is somebody else's command line.
    if declare -F _command_offset >/dev/null; then
      _command_offset $((i + 1))
    elif ((COMP_CWORD == i + 1)); then
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "$2")
    else
      compopt -o bashdefault -o default 2>/dev/null
    fi
    return
  done

  # readline breaks words at = : and @ too; here they are put together again, up to the cursor.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    stripped=${rest#"${rest%%[![:space:]]*}"}
    word=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || word=$stripped
    if ((${#words[@]} > 0 && ${#stripped} == ${#rest})); then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    rest=${stripped#"$word"}
  done

  local line cut='' plain='^[A-Za-z0-9_./,=:@%+-]+$' width=0 values=() texts=()
  local current=${words[${#words[@]} - 1]} breaks=${COMP_WORDBREAKS//[!=:@]/}
  if [[ $current != [\"\']* && -n $breaks && $current == *["$breaks"]* ]]; then
    # Only what follows the last break is replaced.
    cut=${current%"${current##*["$breaks"]}"}
  fi
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o bashdefault -o default 2>/dev/null
      return
    fi
    word=${line%%$'\t'*}
    if ! [[ $word =~ $plain ]]; then
      # Inside quotes there is no safe way to write it.
      [[ $current != [\"\']* ]] || continue
      printf -v word %q "$word"
    fi
    word=${word#"$cut"}
    values+=("$word")
    texts+=("${line#*$'\t'}")
    ((${#word} <= width)) || width=${#word}
  done < <(command phasr complete -- "${words[@]:1}" 2>/dev/null)

  ((${#values[@]} > 0)) || return
  COMPREPLY=("${values[@]}")
  compopt -o nosort 2>/dev/null
  # Descriptions where candidates are listed, never where readline would insert them.
  case ${COMP_TYPE:-0} in 9 | 33 | 63 | 64) ;; *) return ;; esac
  ((${#values[@]} > 1)) || return
  for ((i = 0; i < ${#values[@]}; i++)); do
    [[ -n ${texts[i]} ]] || continue
    printf -v word '%-*s  %s' "$width" "${values[i]}" "${texts[i]}"
    COMPREPLY[i]=${word:0:${COLUMNS:-80} - 1}
  done
}

complete -F _phasr phasr
