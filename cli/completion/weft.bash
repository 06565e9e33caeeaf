# bash completion for weft(1): weft itself knows what can follow. Loaded by bash-completion, whose
# helpers keep words with colons (MACs, devices) in one piece.
_weft()
{
	local cur words cword i=1 socket=()

	_get_comp_words_by_ref -n : cur words cword
	# options stand before the object; the socket is needed to ask for names
	while ((i < cword)); do
		case ${words[i]} in
		-s | --socket)
			socket=(-s "${words[i + 1]}")
			((i += 2))
			;;
		-*) ((i++)) ;;
		*) break ;;
		esac
	done
	if ((i > cword)); then
		compopt -o default
	elif ((i == cword)) && [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '-j -s -h -V --json --socket --help --version' \
			-- "$cur")
	else
		mapfile -t COMPREPLY < <(weft "${socket[@]}" complete "${words[@]:i:cword-i+1}" \
			2>/dev/null)
		# files where weft has nothing to offer
		((${#COMPREPLY[@]})) || compopt -o default
		__ltrimcolonprefixes "$cur"
	fi
}
complete -F _weft weft
