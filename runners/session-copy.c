/* SPDX-License-Identifier: MIT */
/*
 * A copy within the conversation: a process in the guest at one end, one of ours at the other, and
 * what both have come to.
 */
#include "runners/session-copy.h"

#include <errno.h>
#include <string.h>

#include "lib/msg.h"

/* The guest's half of a copy in has ended, and what is behind the last byte is yet to be seen. */
bool session_copy_waits(const struct session *s)
{
	return s->now == &s->copied && s->copy.kind != COPY_OUT && s->copy.fd >= 0 &&
	       job_is_over(s->now);
}

/* Our ends of the pipe of a copy. */
void session_copy_close(struct session *s)
{
	stream_close(&s->copied.in);
	stream_close(&s->copied.out.to);
	copy_close(&s->copy);
}

/* 1 = that was the end. */
int session_copy_look(struct session *s, struct err *e)
{
	char byte;
	ssize_t n = stream_read(&s->copied.in, &byte, 1);

	if (n == -EAGAIN)
		return 0;
	return n ? err_set(e, ECANCELED, "guest: it did not read to the end") : 1;
}

int session_copy_fd(const struct session *s)
{
	return s->now == &s->copied && s->copy.fd < 0 && s->copy.pid ? s->copy.pidfd : -1;
}

static int connect_copy(struct session *s, struct err *e)
{
	struct job *j = &s->copied;

	*j = (struct job){ .mux = &s->mux, .in.fd = -1 };
	j->process = s->copy.process.p;
	j->process_len = s->copy.process.len;
	sink_keep(&j->err, &s->mux, &s->copy.words);
	sink_keep(&j->out, &s->mux, &s->copy.words);
	if (s->copy.kind != COPY_OUT)
		stream_open(&j->in, s->copy.fd, false, false);
	else if (sink_open(&j->out, &s->mux, s->copy.fd, false, "copy") < 0)
		return err_memory(e);
	s->now = j;
	return job_open(j, e);
}

static void drop_copy(struct session *s)
{
	copy_stop(&s->copy);
	job_close(&s->copied);
	s->now = NULL;
}

int session_copy_refused(struct session *s, const char *host, struct err *e)
{
	s->copy_refused = true;
	return err_wrap(e, "--in %s", host);
}

int session_copy_begin(struct session *s, const struct vm_copy *what, enum copy_kind kind,
		       struct err *e)
{
	int r = copy_begin(&s->copy, s->spec, what, kind, e);

	if (r == 0)
		r = connect_copy(s, e);
	if (r < 0)
		drop_copy(s);
	if (r < 0 && kind == COPY_OUT)
		return err_wrap(e, "--out %s", what->guest);
	return r < 0 ? session_copy_refused(s, what->host, e) : 0;
}

/* Why the guest's half has failed; 0 when it has not. */
static int judge_copy(const struct session *s, struct err *e)
{
	const struct job *j = &s->copied;
	const char *words = s->copy.words.len ? s->copy.words.p : "";

	words += strspn(words, "\r\n");
	if (j->failure.stage[0])
		return err_set(e, ECANCELED, "guest: %s: %s", j->failure.operand,
			       strerror((int)j->failure.code));
	if (!j->has_exit)
		return err_set(e, ECANCELED, "guest: it ended without a status");
	if (proc_exit_code(&j->exit.status) == 0)
		return 0;
	if (!*words)
		return err_set(e, ECANCELED, "guest: status %d", proc_exit_code(&j->exit.status));
	return err_set(e, ECANCELED, "guest: %.*s", (int)strcspn(words, "\r\n"), words);
}

static int end_copy_in(struct session *s, struct err *e)
{
	int r = judge_copy(s, e);

	if (r == 0 && s->copy.kind == COPY_IN)
		memcpy(s->record->in[s->copied_in - 1], s->copy.digest, DIGEST_TEXT);
	return r < 0 ? session_copy_refused(s, s->copy.what->host, e) : 0;
}

/* What comes out is made only when the guest's half has ended well. */
static int end_copy_out(struct session *s, struct err *e)
{
	bool broken = s->copied.out.broken; /* by the host's half: it has the reason */
	int r = broken ? 0 : judge_copy(s, e);

	if (r == 0)
		r = copy_end(&s->copy, e);
	if (r == 0 && broken)
		r = err_set(e, ECANCELED, "unpack did not read to the end");
	if (r == 0)
		memcpy(s->record->out[s->copied_out - 1], s->copy.digest, DIGEST_TEXT);
	return r < 0 ? err_wrap(e, "--out %s", s->copy.what->guest) : 0;
}

/* What cannot be copied out is no reason to lose the rest. */
void session_copy_left(struct session *s, const struct err *why)
{
	if (s->uncollected.code)
		msg_warn("%s", s->uncollected.msg);
	s->uncollected = *why;
}

/* A copy has ended. */
static int end_copy(struct session *s, struct err *e)
{
	bool out = s->copy.kind == COPY_OUT;
	struct err why = { 0 };
	int r = out ? end_copy_out(s, &why) : end_copy_in(s, e);

	if (out && r < 0) {
		session_copy_left(s, &why);
		r = 0;
	}
	s->times_next = s->copy.kind == COPY_IN && copy_has_times(s->copy.what);
	drop_copy(s);
	return r;
}

/*
 * Are both halves of the copy over? What goes in is complete when both say so; when the guest's has
 * failed, it has the reason. The host's is never waited for: it may take its time over the digest
 * of a tree, and meanwhile there are signals to listen to.
 */
int session_copy_go(struct session *s, struct err *e)
{
	struct job *j = &s->copied;
	struct err why = { 0 };
	bool out = s->copy.kind == COPY_OUT, well;

	if (!out && s->copy.pid && copy_has_ended(&s->copy)) {
		if (copy_end(&s->copy, e) < 0)
			return session_copy_refused(s, s->copy.what->host, e);
		if (!j->in_done && job_end_input(j, e) < 0)
			return -e->code;
	}
	if (!job_is_over(j))
		return 0;
	well = j->out.broken || judge_copy(s, &why) == 0;
	if (out && well)
		session_copy_close(s);
	if (well && s->copy.pid && !copy_has_ended(&s->copy))
		return 0;
	return end_copy(s, e);
}
