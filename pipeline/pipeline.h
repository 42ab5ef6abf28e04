/* SPDX-License-Identifier: MIT */
/*
 * A pipeline that is data: a list of stages, each of which writes what the next one reads. JSON says
 * it nested ("output"); here it is flat.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "archive/tar.h"
#include "lib/argv.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "lib/output.h"
#include "runners/runner.h"

#define PIPELINE_STAGES 256u		/* with the last one */
#define PIPELINE_MAX ((size_t)64 << 20) /* bytes of JSON */
#define PIPELINE_CHAIN 4096u		/* commands of one chain, those of inner ones too */
#define PIPELINE_NESTING 64u		/* chains in chains */

enum stage_type { STAGE_COMMAND, STAGE_CHAIN, STAGE_TAR, STAGE_FILE, STAGE_DOCKER_BUILD };

/* A command of a chain, or a chain in its place. */
struct link {
	struct argv args;   /* owned; when there are no links */
	struct link *links; /* owned */
	size_t nlinks;
};

struct stage {
	enum stage_type type;
	struct argv args;  /* owned. Command: its words. Chain: made by pipeline_plan() */
	struct link chain; /* Chain: its commands */
	json_t *node;	   /* owned: cwd and env of a Command or Chain, as a description of a run */
	json_t *runner;	   /* owned: what it runs in, a description; NULL: as the pipeline */
	struct argv files; /* owned. Tar */
	enum tar_compression compression;
	bool deterministic;
	char *name; /* owned. File; DockerBuild: the tag */
	char *file; /* owned. DockerBuild: the Dockerfile in the context, or NULL */
	/* What pipeline_plan() adds. */
	struct vm_spec spec;
	const struct runner *how;
	struct output output; /* File: open, without a name yet */
};

struct pipeline {
	struct stage stage[PIPELINE_STAGES];
	size_t n;
};

const char *stage_type_name(enum stage_type t) must_check;

/*
 * Reads n bytes of JSON into *p, which is zeroed before. A sentence names the node and the field as a
 * JSON path. Pure. pipeline_free() also after a failure.
 */
int pipeline_read(const char *text, size_t n, struct pipeline *p, struct err *e) must_check
	nonnull(1, 3, 4);

/*
 * What holds for commands that say nothing about where they run. Files of the stages are relative to
 * the current directory, as those of a command are; what describes a runner is relative to what says
 * it, as in a machine description.
 */
struct pipeline_run {
	const char *runner; /* or NULL */
	const char *config; /* a machine description, or NULL */
	const char *image;  /* or NULL */
	const char *dir;    /* of the pipeline's file; NULL = here */
	bool dry;	    /* to be looked at, not to be run */
};

/*
 * Makes the plan complete: what each command runs in, the words of chains, and whether everything is
 * there. Nothing runs; the files that are to be made are open, unless it is dry.
 */
int pipeline_plan(struct pipeline *p, const struct pipeline_run *run, struct err *e) must_check
	nonnull(1, 2, 3);

/*
 * Puts the JSON path of a stage in front of the sentence: "$.output: …". A sentence that begins with
 * a dot is about a field: "$.output.name: …".
 */
int pipeline_at(size_t stage, struct err *e) must_check nonnull(2);

/* Adds what the stage is, in a line. */
int stage_show(const struct stage *s, struct buf *out) must_check nonnull(1, 2);

/* Adds the plan as a tree. */
int pipeline_show(const struct pipeline *p, struct buf *out) must_check nonnull(1, 2);

void pipeline_free(struct pipeline *p) nonnull(1);
#define cleanup_pipeline __attribute__((cleanup(pipeline_free)))
