#!/bin/sh
# SPDX-License-Identifier: MIT
# C22: the examples of the original's README, word for word, but for the place of the programs.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

tests() {
	mkdir -p bin in work
	ln -sf "$X" bin/execvm
	PATH=$PWD/bin:$PATH
	status 'C22: two commands' 0 execvm chain -- /bin/true -- /bin/true
	status 'C22: stops at the first that fails' 1 "$X" chain '>>=' \
		/bin/true \
		'>>=' \
		"$X" chain '>>=' \
			/bin/false \
			'>>=' \
			/bin/true

	# tar | chain tar, make, cat > package
	printf 'all:\n\t@printf "built %%s\\n" "$(CURDIR)" >log\n\t@tr a-z A-Z <source >pkg\n' >in/Makefile
	echo 'some source' >in/source
	(
		cd work || exit 1
		tar -C ../in -czf - . |
			"$X" chain \
				-- \
				/bin/tar -xzf - \
				-- \
				"$X" chain \
					-- \
					/usr/bin/make \
					-- \
					/bin/cat pkg \
				>../execvm-0.2.pkg
	)
	is 'C22: tar, make, cat' $? 0
	is 'C22: tar, make, cat: the package' "$(cat execvm-0.2.pkg)" 'SOME SOURCE'
	is 'C22: built where it was unpacked' "$(cat work/log)" "built $PWD/work"

	# The archive that the original builds its initrd from, and the one in it.
	echo content >in/file
	tar -C in -czf rootfs.tar.gz file
	mkdir -p second
	tar -czf - bin/execvm rootfs.tar.gz | (
		cd second || exit 1
		"$X" chain \
			-- \
			bsdtar -xzf - \
			-- \
			bsdtar -czf - \
			bin/execvm \
			@rootfs.tar.gz
	) | bsdtar --format=newc -czf - @- >initrd.gz
	is 'C22: bsdtar in a chain, @archive' "$(gzip -dc initrd.gz | cpio -it 2>/dev/null | paste -sd' ')" \
		'bin/execvm file'
}

both tests
done_testing
