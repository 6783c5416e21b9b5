# fish completion for phasr; made by: phasr completion fish
#
# Nothing here is evaluated: neither what has been typed (a command may hold (...)) nor what comes back (titles and branch names
# are other people's text).

function __phasr_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -e words[1]
    if set -l at (contains -i -- -- $words)
        # What follows is somebody else's command line.
        set -l rest $words[(math $at + 1)..]
        test $at -lt (count $words); or set rest
        complete -C (string join ' ' -- (string escape -- $rest) $current)
        return
    end
    for line in (command phasr complete -- $words "$current" 2>/dev/null)
        if test "$line" = :files
            set -l option (string match -r -- '^--[^=]+=' $current)
            for path in (__fish_complete_path (string replace -- "$option" '' $current))
                printf '%s%s\n' "$option" $path
            end
            return
        end
        printf '%s\n' $line
    end
end

complete -c phasr -f -k -a '(__phasr_complete)'
