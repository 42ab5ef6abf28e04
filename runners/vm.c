/* SPDX-License-Identifier: MIT */
/*
 * The runner that starts a machine: plan, QEMU, relay.
 *
 * Everything is found out and put together before QEMU starts: kernel, initrd, payload, accelerator,
 * argv; --dry-run and --show-append print from the same values. KVM is believed only when a guest
 * has spoken: a machine that made no contact is started once more under emulation, which is safe
 * because nothing was read from stdin before contact.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/b64.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/cmd.h"
#include "lib/fd.h"
#include "lib/layout.h"
#include "lib/msg.h"
#include "lib/num.h"
#include "runners/accel.h"
#include "runners/base.h"
#include "runners/freeze.h"
#include "runners/kernel.h"
#include "runners/loss.h"
#include "runners/machine.h"
#include "runners/name.h"
#include "runners/network.h"
#include "runners/qemu.h"
#include "runners/relay.h"
#include "runners/runner.h"
#include "runners/share.h"
#include "runners/tell.h"
#include "runners/template.h"
#include "runners/vm-template.h"

#define QEMU "qemu-system-x86_64"
#define CONTACT_KVM_MS 10000u  /* a guest under KVM speaks within a second */
#define CONTACT_TCG_MS 120000u /* emulated, on a busy host */
#define LOG_LINES 20	       /* of the kernel log, for a guest that is lost */

/* The plan of one run, complete before anything starts. */
struct plan {
	const struct vm_spec *spec;
	struct qemu_facts facts;
	struct base base;
	struct buf machine, process; /* JSON: what takes the wire */
	struct buf b64;		     /* both halves: what takes the command line */
	struct record record;
	struct stdin_file stdin_file;
	struct template template;
	const char *refusal;		    /* why it does not, although it was asked for */
	bool warm;			    /* it goes on from a template */
	bool wired;			    /* the wire takes it */
	bool may_retry;			    /* KVM was chosen, not asked for */
	bool kvm_suspect, template_suspect; /* it was with these that the run did not start */
	bool mute;			    /* the guest died without contact and without a word */
	int stop; /* owned: signals that end a run before its command has started */
	uint64_t start_ns, planned_ms;
};

#define PLAN(s)                                                                                    \
	{                                                                                          \
		.spec = (s), .base = { .fd = -1 }, .record.to = OUTPUT_INIT,                       \
		.stdin_file = STDIN_FILE_INIT, .template = TEMPLATE_INIT, .stop = -1,              \
		.start_ns = clock_ns(),                                                            \
		.facts = { .net_fd = -1, .control_fd = -1, .memory_fd = -1, .state_fd = -1 },      \
	}

static void plan_free(struct plan *p)
{
	template_free(&p->template);
	stdin_file_free(&p->stdin_file);
	if (p->stop >= 0)
		close(take_fd(&p->stop));
	base_free(&p->base);
	output_free(&p->record.to);
	buf_free(&p->machine);
	buf_free(&p->process);
	buf_free(&p->b64);
}

/*
 * Made anew each time, as where it goes depends on how the machine starts.
 * The command line when it fits; else, and for anything secret, the wire: the line is in the host's
 * process list and in the guest's /proc/cmdline.
 */
static int plan_payload(struct plan *p, struct err *e)
{
	cleanup_buf struct buf both = { 0 };
	cleanup_buf struct buf line = { 0 };
	struct payload what = { 0 };
	struct tell_names names;
	int left = -1, r;

	p->facts.payload = NULL;
	buf_free(&p->b64);
	buf_free(&p->machine);
	buf_free(&p->process);
	tell_payload(p->spec, p->facts.virtiofsd != NULL, &names, &what);
	r = payload_encode(&what, PAYLOAD_MACHINE, &p->machine, e);
	if (r == 0)
		r = payload_encode(&what, PAYLOAD_PROCESS, &p->process, e);
	if (r == 0)
		r = payload_encode(&what, PAYLOAD_BOTH, &both, e);
	if (r < 0)
		return err_wrap(e, "payload");
	p->wired = true;
	if (p->warm || p->spec->env_private || both.len > QEMU_CMDLINE_MAX)
		return 0;
	if (b64_encode(both.p, both.len, &p->b64) < 0)
		return err_memory(e);
	p->facts.payload = p->b64.p;
	if (qemu_append(p->spec, &p->facts, &line, &left) < 0)
		return err_memory(e);
	p->wired = left < 0;
	if (p->wired)
		p->facts.payload = NULL;
	return 0;
}

static int plan_accel(struct plan *p, struct err *e)
{
	enum vm_accel asked = p->spec->accel;
	char why[240];
	bool kvm = asked != ACCEL_TCG && accel_kvm_plausible(why);

	if (asked == ACCEL_KVM && !kvm)
		return err_set(e, ENODEV, "--accel kvm: %s", why);
	if (asked == ACCEL_AUTO && !kvm) {
		if (accel_warn_once())
			msg_warn(
				"no KVM (%.200s): machines are emulated, which is slower; this is said "
				"once until the next boot",
				why);
		else
			msg_info("no KVM (%.200s): emulated", why);
	}
	p->facts.kvm = kvm;
	p->may_retry = kvm && asked == ACCEL_AUTO;
	p->facts.tsc_khz = kvm ? 0 : accel_tsc_khz();
	return 0;
}

/* A disk needs a place in the machine, and a kernel that has what it takes. */
static int plan_stdin(struct plan *p, int closed, struct err *e)
{
	const struct vm_spec *s = p->spec;
	struct stdin_file *in = &p->stdin_file;

	if (closed & 1 || s->no_stdin || s->tty)
		return 0;
	stdin_file_look(in);
	if (in->way == STDIN_DISK &&
	    (p->facts.kernel.profile == KERNEL_DISTRO ||
	     !kernel_can(&p->facts.kernel, "EROFS_FS") || vm_slots(s) + 1 > VM_SLOTS ||
	     (s->warm && s->ndisks + 2 > QEMU_DISKS_LARGE)))
		stdin_file_free(in);
	if (in->way != STDIN_DISK)
		return 0;
	p->facts.stdin_disk = in;
	return stdin_file_disk(in, e);
}

/* What cannot be frozen boots. Directories of a frozen machine come by 9p. */
static void plan_warm(struct plan *p)
{
	p->refusal = p->spec->warm ? template_refusal(p->spec, &p->facts) : NULL;
	p->warm = p->spec->warm && !p->refusal;
	if (p->warm)
		p->facts.virtiofsd = NULL;
	p->facts.large = p->warm && template_is_large(p->spec, &p->facts);
}

static int plan_make(struct plan *p, int closed, struct err *e)
{
	int r = kernel_find(p->spec->kernel, p->spec->cpus, &p->facts.kernel, e);

	if (r < 0)
		return r;
	p->facts.program = runner_program(&runner_vm);
	p->facts.uart = p->spec->boot_log;
	p->facts.root_format = vm_is_qcow2(p->spec->root) ? "qcow2" : "raw";
	msg_info("kernel %s (%s)", p->facts.kernel.path, p->facts.kernel.origin);
	r = share_plan(p->spec, &p->facts, e);
	if (r < 0)
		return r;
	r = plan_stdin(p, closed, e);
	if (r < 0)
		return r;
	plan_warm(p);
	r = base_make(p->spec, &p->facts, &p->base, e);
	if (r < 0)
		return r;
	p->facts.initrd = p->base.path;
	r = record_inputs(p->spec, p->facts.kernel.path, p->base.path, &p->record, e);
	if (r < 0)
		return r;
	r = plan_accel(p, e);
	return r < 0 ? r : plan_payload(p, e);
}

/* What --dry-run and --show-append print: the plan, with the descriptors that it would have. */
static int show(const struct plan *p, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_argv struct argv argv = { 0 };
	struct qemu_facts facts = p->facts;
	struct stdin_file shown = STDIN_FILE_INIT;
	int left, r;

	facts.wire_fd = 3;
	facts.log_fd = 4;
	facts.root_fd = 5;
	facts.net_fd = 6;
	for (size_t i = 0; i < p->spec->nshares; i++)
		facts.share_fd[i] = (int)(7 + i);
	if (p->warm) {
		facts.start = QEMU_RESTORE;
		facts.control_fd = 7;
		facts.memory_fd = 8;
	}
	if (facts.stdin_disk) {
		shown.image = (int)(9 + p->spec->nshares);
		facts.stdin_disk = &shown;
	}
	if (p->spec->show_append) {
		r = qemu_append(p->spec, &facts, &text, &left);
	} else {
		r = qemu_argv(p->spec, &facts, &argv, e);
		if (r < 0)
			return r;
		r = argv_quote(&text, argv.v);
	}
	if (r < 0)
		return err_memory(e);
	puts(text.p);
	return cmd_flush(0) ? err_set(e, EIO, "write stdout") : 0;
}

static void show_timings(const struct plan *p, const struct relay *r)
{
	const struct relay_times *t = &r->times;
	const struct {
		const char *name;
		uint64_t ms;
	} rows[] = {
		{ "plan", p->planned_ms },	   { "QEMU start", t->qemu },
		{ "first contact", t->contact },   { "command start", t->command },
		{ "command end", t->command_end }, { "machine gone", t->gone },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].ms || i == 0)
			fprintf(stderr, "execvm run: %5llu ms  %s\n",
				(unsigned long long)rows[i].ms, rows[i].name);
	}
}

/* Until the relay has its own eyes on them. */
static int signals_hold(struct plan *p, const struct proc_signals *entry, struct err *e)
{
	sigset_t set;

	proc_signals_supervised(entry, &set);
	sigdelset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->stop = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return p->stop < 0 ? err_sys(e, "signalfd") : 0;
}

/* What the run came to, when one of them has come. */
static int signals_code(const struct plan *p, struct err *e)
{
	struct signalfd_siginfo si;

	if (read(p->stop, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return EXIT_EXECVM;
	err_set(e, EINTR, "ended by %s", proc_signal_name((int)si.ssi_signo));
	return EXIT_SIGNAL + (int)si.ssi_signo;
}

static int contact_limit(bool kvm, uint64_t *ms, struct err *e)
{
	const char *text = getenv("EXECVM_BOOT_TIMEOUT");

	*ms = kvm ? CONTACT_KVM_MS : CONTACT_TCG_MS;
	if (text && *text && num_duration(text, 1, 86400000, ms) < 0)
		return err_set(e, EINVAL, "EXECVM_BOOT_TIMEOUT: '%s' is no duration", text);
	return 0;
}

static void give_to_relay(struct plan *p, const struct machine *m, uint64_t limit_ms,
			  struct relay *r)
{
	r->qemu = m->pid;
	r->beside = &m->beside;
	r->wire = m->wire;
	r->log = m->log;
	r->qemu_err = m->err;
	r->start_ns = p->start_ns;
	r->times.qemu = (clock_ns() - p->start_ns) / 1000000u + 1; /* 0 = has not happened */
	r->contact_ms = r->times.qemu + limit_ms;
	r->stdin_file = p->stdin_file.way == STDIN_STREAM ? NULL : &p->stdin_file;
	if (p->wired) {
		r->machine = p->machine.p;
		r->machine_len = p->machine.len;
		r->process = p->process.p;
		r->process_len = p->process.len;
	}
}

/* Why the machine is lost, as far as somebody knows. */
static void explain(const struct plan *p, const struct relay *r, const struct machine *m,
		    int failed, struct err *e)
{
	if (r->lost || failed == -ETIMEDOUT)
		loss_explain(r, e);
	if (failed != -EIO && failed != -ETIMEDOUT && failed != -EPROTO)
		return;
	loss_tail("guest log", &r->log_tail, p->spec->boot_log ? 0 : LOG_LINES);
	loss_tail("qemu", &r->qemu_text, LOG_LINES);
	loss_tail("passt", &m->net.text, LOG_LINES);
}

/*
 * Is it to be started once more? Nothing was read from stdin before the guest was asked to start
 * the command, and nothing that a command does can have happened. A machine that went on from a
 * template may be broken in any way: it gets no second look.
 */
static bool is_again(struct plan *p, const struct relay *r, int failed, int code)
{
	bool broken = failed < 0 && code == EXIT_EXECVM;

	if (p->warm)
		return broken && !r->begun && !r->told;
	p->mute = r->lost && !r->contact && !r->log_tail.len &&
		  r->qemu_status.kind == PROC_EXITED && !r->qemu_status.value && !p->facts.uart;
	return p->mute || (broken && !r->contact && p->may_retry);
}

/* What QEMU said that would not go on. */
static void tell_why(int err)
{
	char text[1024];
	ssize_t n = read(err, text, sizeof(text));

	if (n <= 0)
		return;
	msg_clean(text, (size_t)n);
	msg_debug("%.*s", (int)n, text);
}

/* The other way has made contact: it was not the run's own fault that the first one had none. */
static void blame(struct plan *p)
{
	if (p->kvm_suspect)
		accel_kvm_failed();
	if (p->template_suspect)
		template_failed(&p->template);
	p->kvm_suspect = p->template_suspect = false;
}

/* The machine of a plan. *again: it did not work, and another way to start it is to be tried. */
static int run_once(struct plan *p, const struct proc_signals *entry, int closed, bool *again,
		    struct err *e)
{
	struct relay r = {
		.spec = p->spec, .entry = entry, .closed = closed, .record = &p->record
	};
	struct machine m = MACHINE_INIT;
	struct err ignored;
	int code = EXIT_EXECVM;
	uint64_t limit;
	int k = contact_limit(p->facts.kvm, &limit, e);

	if (k == 0)
		k = machine_start(p->spec, &p->facts, &p->base, &m, e);
	if (k < 0) {
		loss_tail("passt", &m.net.text, LOG_LINES);
		machine_free(&m);
		return code;
	}
	give_to_relay(p, &m, limit, &r);
	if (p->warm)
		k = freeze_resume(m.control, p->facts.state_fd,
				  &(struct freeze_limit){ limit, p->stop }, e);
	if (k == 0 && p->warm && !template_holds(&p->template, p->spec))
		k = err_set(e, ESTALE, "%s has changed", p->spec->root);
	if (k < 0) {
		machine_kill(&m);
		tell_why(m.err);
	}
	if (k == -EINTR)
		code = signals_code(p, e);
	if (k == 0)
		k = relay_run(&r, &code, e);
	if (r.contact)
		blame(p);
	if (stdin_file_end(&p->stdin_file, k == 0 ? e : &ignored) < 0 && k == 0)
		code = EXIT_EXECVM;
	companions_end(&m.beside);
	passt_stop(&m.net);
	if (m.net.failure[0])
		msg_warn("the machine had lost its network: passt ended (%s)", m.net.failure);
	*again = is_again(p, &r, k, code);
	if (k < 0 && code == EXIT_EXECVM && !*again)
		explain(p, &r, &m, k, e);
	if (p->spec->record && r.has_status &&
	    record_write(p->spec, p->facts.kernel.path, &p->record, &r.status, e) < 0)
		code = EXIT_EXECVM;
	if (p->spec->timings && !*again)
		show_timings(p, &r);
	relay_free(&r);
	machine_free(&m);
	return code;
}

/* As if it had not been said. */
static void go_cold(struct plan *p, const struct err *why)
{
	msg_debug("--warm: %s: this run boots", why->msg);
	p->warm = p->facts.large = false;
	p->facts.start = QEMU_BOOT;
	p->facts.memory_fd = p->facts.state_fd = p->facts.control_fd = -1;
}

/*
 * Once more, which is safe: see is_again(). From the beginning, when a template was no good;
 * emulated, when it was KVM that made no contact; with the serial port for the log, when the guest's
 * kernel gave up before it had the console that costs nothing: then the second time tells why.
 */
static int start_again(struct plan *p, struct err *e)
{
	if (p->warm) {
		p->template_suspect = true;
		go_cold(p, e);
	} else if (p->mute) {
		p->facts.uart = true;
	} else {
		p->kvm_suspect = true;
		msg_warn("no contact from a guest under KVM (%.200s): starting again, emulated",
			 e->msg);
		p->may_retry = p->facts.kvm = false;
		p->facts.tsc_khz = accel_tsc_khz();
	}
	*e = (struct err){ 0 };
	p->start_ns = clock_ns();
	return plan_payload(p, e);
}

/* A template for this run, if there can be one: its making is as long as a boot. */
static int warm_up(struct plan *p, struct err *e)
{
	struct err why = { 0 };
	uint64_t limit;
	int r = contact_limit(p->facts.kvm, &limit, e);

	if (r < 0)
		return r;
	r = template_take(p->spec, &p->facts, &p->base, &(struct freeze_limit){ limit, p->stop },
			  &p->template, &why);
	if (r == 0 || r == -EINTR)
		return r;
	go_cold(p, &why);
	return plan_payload(p, e);
}

/* What has to be there before a machine starts. *name holds the name of the run. */
static int get_ready(struct plan *p, const struct proc_signals *entry, int *name, struct err *e)
{
	int r = network_check_ports(p->spec, e);

	if (r == 0 && p->spec->name)
		r = *name = name_hold(p->spec->name, e);
	if (r >= 0)
		r = record_open(p->spec, &p->record, e);
	if (r < 0 || !p->warm)
		return r;
	r = signals_hold(p, entry, e);
	return r < 0 ? r : warm_up(p, e);
}

static int vm_run(const struct vm_spec *s, const struct proc_signals *entry, int closed,
		  struct err *e)
{
	struct plan p = PLAN(s);
	int code = EXIT_EXECVM;
	cleanup_close int name = -1;
	bool again = false, only_shown = s->dry_run || s->show_append;
	int r = plan_make(&p, closed, e);

	if (r == 0 && p.refusal)
		msg_warn("--warm: %s: this run boots", p.refusal);
	if (r == 0 && !only_shown)
		r = get_ready(&p, entry, &name, e);
	p.planned_ms = (clock_ns() - p.start_ns) / 1000000u;
	if (r == -EINTR)
		code = signals_code(&p, e);
	else if (r >= 0 && only_shown)
		code = show(&p, e) < 0 ? EXIT_EXECVM : 0;
	else if (r >= 0)
		code = run_once(&p, entry, closed, &again, e);
	while (again) {
		again = false;
		if (start_again(&p, e) == 0)
			code = run_once(&p, entry, closed, &again, e);
	}
	plan_free(&p);
	return code;
}

int vm_template(const struct vm_spec *s, char id[TEMPLATE_ID], struct err *e)
{
	struct plan p = PLAN(s);
	uint64_t limit;
	int r = plan_make(&p, 1, e);

	if (r == 0 && p.refusal)
		r = err_set(e, EINVAL, "%s: it cannot be frozen", p.refusal);
	if (r == 0)
		r = contact_limit(p.facts.kvm, &limit, e);
	p.template.insist = true;
	if (r == 0)
		r = template_take(s, &p.facts, &p.base, &(struct freeze_limit){ limit, -1 },
				  &p.template, e);
	memcpy(id, p.template.id, TEMPLATE_ID);
	plan_free(&p);
	return r;
}

const struct runner runner_vm = {
	.name = "vm",
	.summary = "run the command in a machine of its own",
	.can = CAN_ALL & ~(CAN_HOST | CAN_WRAP | CAN_OPTIONS | CAN_FRACTIONS),
	.program = QEMU,
	.program_env = "EXECVM_QEMU",
	.chain = GUEST_CHAIN,
	.run = vm_run,
};
