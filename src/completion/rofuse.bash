# Completion of rofuse for bash. The program itself tells what may stand where: rofuse __complete.

_rofuse() {
    # bash takes words apart at "=" and ":"; here they are one word again, where no blank stands between.
    local -a words=()
    local i word line=$COMP_LINE is_glued=""
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        [[ $i -gt 0 && $line == [[:blank:]]* ]] && is_glued=""
        line=${line#"${line%%[![:blank:]]*}"}
        line=${line#"$word"}
        if [[ $is_glued ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        is_glued=1
    done

    # Only what follows the last "=" or ":" is replaced.
    local current=${words[${#words[@]} - 1]} piece=${COMP_WORDS[COMP_CWORD]} cut files=""
    [[ $piece == [=:] ]] && piece=""
    cut=${current%"$piece"}
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :files) files=-f ;;
        :directories) files=-d ;;
        *)
            line=${line%%$'\t'*}
            COMPREPLY+=("${line#"$cut"}")
            ;;
        esac
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    if [[ $files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen "$files" -- "$piece")
    fi
    # A directory is not the end of the word.
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _rofuse rofuse
