# The same for every tool; the tables above are those of the program.

# Files or directories that begin with $cur, which may be quoted as one types it.
_execvm_names() { # OPTION-OF-COMPGEN...
	local name=${cur#[\"\']} found
	name=${name//\\/}
	compopt -o filenames 2>/dev/null
	mapfile -t found < <(compgen "$@" -- "$name")
	COMPREPLY+=("${found[@]}")
}

_execvm_words() { # WORDS
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_execvm_value() { # KIND, as in the tables
	case $1 in
	words\ *) _execvm_words "${1#words }" ;;
	files) _execvm_names -f ;;
	directories) _execvm_names -d ;;
	pair)
		compopt -o nospace 2>/dev/null
		_execvm_names -f
		;;
	esac
}

# The first is a command, the others are whatever it takes.
_execvm_command() { # INDEX-OF-THE-FIRST
	if ((COMP_CWORD == $1)) && [[ $cur != */* ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur" | sort -u)
	else
		_execvm_names -f
	fi
}

_execvm_chain() { # INDEX-OF-THE-DELIMITER
	local delimiter=${COMP_WORDS[$1]}

	if ((COMP_CWORD == $1)); then
		_execvm_words --
	elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == "$delimiter" ]]; then
		_execvm_command "$COMP_CWORD"
	else
		_execvm_names -f
		[[ $delimiter != "$cur"* ]] || COMPREPLY+=("$delimiter")
	fi
}

# Options, their values and operands from word $1 on. bash has words of their own for = and for :.
_execvm_tool() { # INDEX
	local i=$1 ended='' word kind

	while ((i < COMP_CWORD)); do
		word=${COMP_WORDS[i]}
		if [[ $word == -- ]]; then
			((i++))
			ended=1
			break
		elif [[ $word != -?* ]]; then
			[[ $operands != command ]] || break
			words=''
			((i++))
			continue
		fi
		kind=${value[$word]-none}
		((i++))
		if [[ $kind != none ]]; then
			((i < COMP_CWORD)) && [[ ${COMP_WORDS[i]} == = ]] && ((i++))
			if ((i == COMP_CWORD)); then
				[[ $cur != = ]] || cur=
				_execvm_value "$kind"
				return
			fi
			((i++))
		fi
		while ((i <= COMP_CWORD)) && [[ ${COMP_WORDS[i]} == [=:] ]]; do
			((i + 1 < COMP_CWORD)) || return
			((i += 2))
		done
	done
	if [[ ! $ended && $cur == --*=* ]]; then
		word=${cur%%=*}
		cur=${cur#*=}
		_execvm_value "${value[$word]-none}"
		COMPREPLY=("${COMPREPLY[@]/#/$word=}")
	elif [[ ! $ended && $cur == -* ]] && ((i == COMP_CWORD)); then
		_execvm_words "$words ${!value[*]}"
	elif [[ $operands == command ]]; then
		_execvm_command "$i"
	elif [[ $words ]]; then
		_execvm_words "$words"
	elif [[ $operands == files ]]; then
		_execvm_names -f
	fi
}

_execvm() {
	local cur=${COMP_WORDS[COMP_CWORD]} words operands
	local -A value

	COMPREPLY=()
	if [[ ${COMP_WORDS[0]##*/} == run-in-vm ]]; then
		_execvm_table run
		if [[ ${COMP_WORDS[1]} == -* ]]; then
			_execvm_tool 1
		elif ((COMP_CWORD == 1)); then
			_execvm_names -f -X '!*.json'
			_execvm_names -d
		else
			_execvm_command 2
		fi
	elif ((COMP_CWORD == 1)); then
		_execvm_words "$_execvm_tools help --help --version"
	elif [[ ${COMP_WORDS[1]} == help ]]; then
		((COMP_CWORD > 2)) || _execvm_words "$_execvm_tools"
	elif _execvm_table "${COMP_WORDS[1]}"; then
		if [[ $operands == chain ]]; then
			_execvm_chain 2
		else
			_execvm_tool 2
		fi
	fi
}

complete -F _execvm execvm run-in-vm
