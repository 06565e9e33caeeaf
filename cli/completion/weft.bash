# bash completion for weft(1): weft itself knows what can follow.
_weft()
{
	local line=${COMP_LINE:0:COMP_POINT} words i=1 socket=()

	# bash ends words at colons, MACs and devices do not
	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	# options stand before the object; the socket is needed to ask for names
	while ((i < ${#words[@]} - 1)) && [[ ${words[i]} == -* ]]; do
		if [[ ${words[i]} == -s || ${words[i]} == --socket ]]; then
			socket=(-s "${words[i + 1]}")
			((i++))
		fi
		((i++))
	done
	local cur=${words[-1]}
	if ((i >= ${#words[@]})); then
		COMPREPLY=() # the socket's own path
	elif [[ $cur == -* ]] && ((i == ${#words[@]} - 1)); then
		mapfile -t COMPREPLY < <(compgen -W '-j -s -h -V --json --socket --help --version' \
			-- "$cur")
	else
		mapfile -t COMPREPLY < <("${words[0]}" "${socket[@]}" complete "${words[@]:i}" 2>/dev/null)
	fi
	# what stands before the last colon is there already
	[[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] &&
		COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
	# files where weft has nothing to offer
	((${#COMPREPLY[@]})) || compopt -o default
}
complete -F _weft weft
