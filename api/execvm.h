/* SPDX-License-Identifier: MIT */
/*
 * Pipelines for C programs: the nodes of execvm-pipeline(1) as values, and a call that runs them.
 * See execvm(3). Link with -lexecvm.
 *
 * The library builds JSON and starts `execvm pipeline`; it runs nothing itself, keeps nothing
 * between calls, and may be used by several threads at once, each with nodes of its own.
 *
 * Whatever makes or changes a node takes NULL for "that failed": then it does nothing, and passes on
 * the failure. So a pipeline is built without looking, and execvm_run() says that memory was gone or
 * an argument was none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct execvm;	      /* a node, and all that it writes to */
struct execvm_result; /* how every stage of a run went */

/* args ends with a NULL and is copied; words are bytes. NULL when memory is gone. */
struct execvm *execvm_command(const char *const *args);

/* The n commands, one after the other until one fails. Takes them over, also when it fails. */
struct execvm *execvm_chain(struct execvm *const *commands, size_t n);

/* files ends with a NULL. compression: NULL, "gzip", "xz", "zstd", "bzip2". */
struct execvm *execvm_tar(const char *const *files, const char *compression);

/* The last node: what it reads becomes the file, whole or not at all. */
struct execvm *execvm_file(const char *name);

/* file, the name of the Dockerfile in the context, may be NULL. */
struct execvm *execvm_docker_build(const char *tag, const char *file);

/*
 * Of a command or a chain. runner is a name ("local") or a JSON object of the keys of a machine
 * description ({"runner": "docker", "image": "debian"}). All return node, or NULL and free it.
 */
struct execvm *execvm_env(struct execvm *node, const char *name, const char *value);
struct execvm *execvm_cwd(struct execvm *node, const char *dir);
struct execvm *execvm_runner(struct execvm *node, const char *runner);

/* a writes to b. Takes both over; both may be pipelines. Returns the whole. */
struct execvm *execvm_pipe(struct execvm *a, struct execvm *b);

/* The JSON, in memory that the caller frees; NULL when node is NULL or memory is gone. */
char *execvm_json(const struct execvm *node);

/*
 * Runs it and waits. runner is for commands that have none (NULL: vm). fds are what becomes stdin,
 * stdout and stderr, each -1 for this process' own; NULL: all three. They are borrowed.
 *
 * Returns the pipeline's exit status: that of the last stage that failed, or 0; 125 also when execvm
 * refused it, which it says on stderr. A negative errno when it could not be started: -EINVAL when
 * node is NULL, -ENOENT when the program is not there ($EXECVM, or execvm in PATH).
 *
 * *result, unless result is NULL, is how each stage went, to be freed; NULL when nothing ran.
 */
int execvm_run(const struct execvm *node, const char *runner, const int fds[3],
	       struct execvm_result **result);

/* Stages, in the order of the pipeline, from 0. Of a NULL there are none. */
size_t execvm_result_stages(const struct execvm_result *r);

/* The stage's exit status; -1: it was not carried out, or there is no such stage. */
int execvm_result_status(const struct execvm_result *r, size_t stage);

/* 1: it counts for the pipeline's status; 0: it does not, or there is no such stage. */
int execvm_result_failed(const struct execvm_result *r, size_t stage);

/* Bytes that it wrote to the next stage, or into the file. */
uint64_t execvm_result_bytes(const struct execvm_result *r, size_t stage);

/* What execvm itself had to say of it, or NULL. Lives as long as r. */
const char *execvm_result_error(const struct execvm_result *r, size_t stage);

void execvm_result_free(struct execvm_result *r);

/* The node and all that it writes to. */
void execvm_free(struct execvm *node);

#ifdef __cplusplus
}
#endif
