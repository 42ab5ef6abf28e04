#!/bin/sh
# SPDX-License-Identifier: MIT
# A1, A2, A4: the library for C, as a program that is linked with it sees it.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

lib=$(cd "$SRCDIR" && realpath "$BUILD")/api
compile() { # OUT SOURCE...
	cc=${CC:-cc}
	out=$1
	shift
	$cc -Wall -Wextra -Werror -I"$SRCDIR/api" -o "$out" "$@" -L"$lib" -lexecvm -Wl,-rpath,"$lib"
}

# The example of the page, as it stands there.
awk '/^\.Bd/ { on = 1; next } /^\.Ed/ { on = 0 } on' "$SRCDIR/docs/man/execvm.3" >example.c
ok 'A1: the example has ten lines' test "$(grep -c ';$' example.c)" -le 10
mkdir src
echo x >src/a
status 'A1: the example is compiled' 0 compile example example.c
status 'A1: and runs' 0 ./example
is 'A1: and does what it says' "$(tr '\n' ' ' <list)" 'src/ src/a '

# In C++, too, when there is a compiler for it.
if command -v c++ >/dev/null; then
	printf '#include <execvm.h>\nint main() { return execvm_run(execvm_command(0), 0, 0, 0) == -22 ? 0 : 1; }\n' >plus.cc
	status 'A2: the header is one for C++' 0 c++ -Wall -Werror -I"$SRCDIR/api" -o plus plus.cc -L"$lib" -lexecvm -Wl,-rpath,"$lib"
	status 'A2: and works' 0 ./plus
fi

nm -D --defined-only "$lib/libexecvm.so" | sed -n 's/^[0-9a-f]* T //p' | LC_ALL=C sort >symbols
golden 'A2: these symbols, with their versions, and no others' symbols libexecvm.symbols
like 'A2: its name' "$(objdump -p "$lib/libexecvm.so")" 'SONAME +libexecvm\.so\.1$'

cat >use.c <<'END'
#include <errno.h>
#include <execvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct execvm *sh(const char *script)
{
	const char *args[] = { "sh", "-c", script, NULL };

	return execvm_command(args);
}

int main(int argc, char **argv)
{
	struct execvm_result *r = NULL;
	struct execvm *p = sh(argv[2]);
	int fds[] = { -1, -1, -1 }, code;

	for (int i = 3; i < argc; i++)
		p = execvm_pipe(p, argv[i][0] == '>' ? execvm_file(argv[i] + 1) : sh(argv[i]));
	if (strchr(argv[1], 'n'))
		fds[0] = fileno(fopen("/dev/null", "r"));
	code = execvm_run(p, "local", fds, &r);
	fprintf(stderr, "%d", code);
	for (size_t i = 0; i < execvm_result_stages(r); i++)
		fprintf(stderr, " %d%s/%llu", execvm_result_status(r, i), execvm_result_failed(r, i) ? "!" : "",
			(unsigned long long)execvm_result_bytes(r, i));
	if (execvm_result_error(r, 0))
		fprintf(stderr, " %s", execvm_result_error(r, 0));
	fprintf(stderr, "\n");
	execvm_result_free(r);
	execvm_free(p);
	/* Nothing of it is left in this process. */
	for (int fd = 3; fd < 20; fd++)
		if (fd != fds[0] && fcntl_open(fd))
			fprintf(stderr, "descriptor %d\n", fd);
	return 0;
}
END
sed -i 's/#include <errno.h>/#include <errno.h>\n#include <fcntl.h>/; s/fcntl_open(fd)/fcntl(fd, F_GETFD) >= 0/' use.c
compile use use.c || exit 1
run() { # WANT NAME WORDS...
	want=$1 name=$2
	shift 2
	./use "$@" >out 2>err </dev/null
	is "A4: $name" "$(tail -n 1 err)" "$want"
}
run '0 0/6 0/2' 'statuses and bytes' n 'echo hello' 'wc -c'
is 'A4: stdout is ours' "$(cat out)" 6
run '7 7!/0 0/0' 'the last that failed decides' n 'exit 7' 'cat'
run '137 3!/0 137!/0' 'a signal' n 'exit 3' 'kill -9 $$'
run '1 1!/0 -1/0' 'a file that is not written' n false '>file'
ok 'A4: is not there' test ! -e file
run '0 0/3 0/3' 'a file that is' n 'echo ab' '>file'
is 'A4: has it' "$(cat file)" ab
echo hello | ./use - cat >out 2>err
is 'A4: stdin is ours' "$(cat out)" hello
is 'A4: and no descriptor is left' "$(cat err)" '0 0/6'
run '125' 'what is refused has no stages' n x '>no/such'
like 'A4: and why is said' "$(head -n 1 err)" '^execvm pipeline: \$\.output\.name: create no/such: '
EXECVM=./nothing run '-2' 'no program' n x
cd "$(dirname "$EXECVM")" || exit 1
PATH=$PWD:$PATH
cd - >/dev/null || exit 1
unset EXECVM
run '0 0/0' 'the one in PATH' n true
done_testing
