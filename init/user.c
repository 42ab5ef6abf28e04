/* SPDX-License-Identifier: MIT */
/*
 * Users and groups by the files of the root. fgetpwent(3) and fgetgrent(3) read the file they are
 * given and nothing else, with any libc: no name service is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/init.h"
#include "lib/cleanup.h"
#include "lib/num.h"

#define PASSWD "/etc/passwd"
#define GROUP "/etc/group"
#define ID_MAX 0xfffffffeu /* the one above means "unchanged" */

/* NULL when there is none; what is not a plain file may never end. */
static FILE *open_plain(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	FILE *f = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		f = fdopen(fd, "r");
	if (fd >= 0 && !f)
		close(fd);
	return f;
}

/* By name, or by uid when name is NULL. Valid until the next call. */
static const struct passwd *find_passwd(const char *name, uid_t uid)
{
	cleanup_file FILE *f = open_plain(PASSWD);
	const struct passwd *p = NULL;

	while (f && (p = fgetpwent(f))) {
		if (name ? !strcmp(p->pw_name, name) : p->pw_uid == uid)
			break;
	}
	return p;
}

static int find_group(const char *name, gid_t *gid, struct err *e)
{
	cleanup_file FILE *f = open_plain(GROUP);
	const struct group *p;
	uint64_t n;

	if (num_uint(name, 0, ID_MAX, &n) == 0) {
		*gid = (gid_t)n;
		return 0;
	}
	while (f && (p = fgetgrent(f))) {
		if (!strcmp(p->gr_name, name)) {
			*gid = p->gr_gid;
			return 0;
		}
	}
	return err_set(e, ENOENT, "group '%s': not in " GROUP, name);
}

/* The groups that have the user as a member, behind the one that is there already. */
static int find_members(const char *name, struct user *u, struct err *e)
{
	cleanup_file FILE *f = open_plain(GROUP);
	const struct group *p;

	while (f && (p = fgetgrent(f))) {
		char **m = p->gr_mem;

		while (*m && strcmp(*m, name) != 0)
			m++;
		if (!*m || p->gr_gid == u->gid)
			continue;
		if (u->ngroups == ARRAY_SIZE(u->groups))
			return err_set(e, E2BIG, "user '%s': more than %zu groups", name,
				       u->ngroups);
		u->groups[u->ngroups++] = p->gr_gid;
	}
	return 0;
}

int user_find(const char *spec, struct user *u, struct err *e)
{
	const struct passwd *p;
	const char *group = strchr(spec, ':');
	char name[256];
	size_t n = strcspn(spec, ":");
	uint64_t uid = 0;
	bool number;
	int r = 0;

	*u = (struct user){ .home = "/" };
	if (n == 0 || n >= sizeof(name) || (group && !group[1]))
		return err_set(e, EINVAL, "user '%s': not USER or USER:GROUP", spec);
	memcpy(name, spec, n);
	name[n] = '\0';
	number = num_uint(name, 0, ID_MAX, &uid) == 0;
	p = find_passwd(number ? NULL : name, (uid_t)uid);
	if (!p && !number)
		return err_set(e, ENOENT, "user '%s': not in " PASSWD, name);
	u->uid = (uid_t)uid;
	if (p) {
		u->uid = p->pw_uid;
		u->gid = p->pw_gid;
		snprintf(name, sizeof(name), "%s", p->pw_name);
		if (p->pw_dir[0] == '/' && strlen(p->pw_dir) < sizeof(u->home))
			memcpy(u->home, p->pw_dir, strlen(p->pw_dir) + 1);
	}
	if (group)
		r = find_group(group + 1, &u->gid, e);
	u->groups[u->ngroups++] = u->gid;
	if (r == 0 && p && !group)
		r = find_members(name, u, e);
	return r;
}
