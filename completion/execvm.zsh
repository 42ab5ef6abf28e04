# The same for every tool; the tables above are those of the program.

# The words behind a delimiter are commands, any others whatever those take.
_execvm_in_chain() {
	if (( CURRENT == 2 )); then
		compadd -- --
	elif [[ $words[CURRENT-1] == $words[2] ]]; then
		_execvm_command
	else
		compadd -- $words[2]
		_files
	fi
}

_execvm_command() {
	_command_names -e || _files
}

_execvm_help() {
	(( CURRENT > 2 )) || _describe -t tools tool _execvm_tools
}

_execvm() {
	local tool
	local -a general=('help:print the options of a tool' '--help:print the list of tools'
		'--version:print the version')

	if [[ ${service:t} == run-in-vm ]]; then
		if [[ $words[2] == -* ]]; then
			_execvm_run
		elif (( CURRENT == 2 )); then
			_files -g '*.json(-.)'
		elif (( CURRENT == 3 )); then
			_execvm_command
		else
			_files
		fi
	elif (( CURRENT == 2 )); then
		_describe -t tools tool _execvm_tools -- general
	else
		tool=$words[2]
		shift words
		(( CURRENT-- ))
		(( ! $+functions[_execvm_$tool] )) || _execvm_$tool
	fi
}

# Loaded as a function of that name, or read by hand.
if [[ $funcstack[1] == _execvm ]]; then
	_execvm "$@"
else
	compdef _execvm execvm run-in-vm
fi
