# Completion of rofuse for fish. The program itself tells what may stand where: rofuse __complete.

function __rofuse_complete
    set -l current (commandline -ct)
    if string match -qr -- '^[\'"]' $current
        set current (string sub -s 2 -- $current) # an open quote
    else
        set current (string unescape -- $current; or echo -- $current)
    end
    set -l words (commandline -opc) "$current"
    # What stands before a path: "--image=", "oci:" or both.
    set -l value (string replace -r -- '^(-[^=]*=)?([a-z-]+:)?' '' $current)
    set -l before (string sub -l (math (string length -- $current) - (string length -- $value)) -- $current)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                for path in (__fish_complete_path $value)
                    echo -- $before$path
                end
            case :directories
                for path in (__fish_complete_directories $value '')
                    echo -- $before$path
                end
            case '*'
                echo -- $line
        end
    end
end

complete -c rofuse -f -a '(__rofuse_complete)'
