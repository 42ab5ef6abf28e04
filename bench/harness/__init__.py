# SPDX-License-Identifier: MIT
"""What bench/run is made of.

measure   one process, timed; pairs and rounds of such
record    what was measured, as JSON; medians and quartiles
setup     the directory of a run, its roots and daemons; what ends them
machine   QEMU command lines: the bare one, and ours with one thing changed
peers     the programs compared: how each is found, and its version
figures   one module per group of figures: what is run beside what, and the aim
report    JSON in, docs/performance.md out; text.md is its prose
plots     JSON in, SVG out, by gnuplot
"""
