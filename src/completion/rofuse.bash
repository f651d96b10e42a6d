# Completion of rofuse for bash. The program itself tells what may stand where: rofuse __complete.

# Sets REPLY to what a word means to the shell, without its quotes; expansions stay as they are written.
_rofuse_unquote() {
    local rest=$1 quote="" char
    REPLY=""
    while [[ $rest ]]; do
        char=${rest:0:1} rest=${rest:1}
        if [[ $char == "$quote" ]]; then
            quote=""
        elif [[ ! $quote && $char == [\'\"] ]]; then
            quote=$char
        elif [[ $char == \\ && $quote != \' ]]; then
            REPLY+=${rest:0:1} rest=${rest:1}
        else
            REPLY+=$char
        fi
    done
}

_rofuse() {
    # bash takes words apart at "=" and ":"; here they are one word again, where no blank stands between.
    local -a words=()
    local REPLY i word line=$COMP_LINE is_glued=""
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
    for ((i = 0; i < ${#words[@]}; i++)); do
        _rofuse_unquote "${words[i]}"
        words[i]=$REPLY
    done

    # Only what follows the last "=" or ":" is replaced, and of that what follows an open quote.
    local current=${words[${#words[@]} - 1]} piece=${COMP_WORDS[COMP_CWORD]} cut files="" is_quoted=""
    [[ $piece == [=:] ]] && piece=""
    [[ $piece == [\'\"]* ]] && is_quoted=1
    _rofuse_unquote "$piece"
    cut=${current%"$REPLY"}
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :files) files=-f ;;
        :directories) files=-d ;;
        *)
            line=${line%%$'\t'*}
            line=${line#"$cut"}
            # Names of files can have every character; others need no quotes.
            if [[ ! $is_quoted && $line == *[!a-zA-Z0-9/._=:,@%+-]* ]]; then
                printf -v line %q "$line"
            fi
            COMPREPLY+=("$line")
            ;;
        esac
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    if [[ $files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen "$files" -- "$REPLY")
    fi
    # A directory is not the end of the word.
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _rofuse rofuse
