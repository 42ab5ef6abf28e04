/* SPDX-License-Identifier: MIT */
/* Disks, and the names that the guest has for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "runners/config-key.h"

static int check_node(const char *node, struct err *e)
{
	size_t n;

	if (strncmp(node, "/dev/", 5) != 0)
		return err_set(e, EINVAL, "'%s' is not /dev/NAME", node);
	n = strspn(node + 5, CONFIG_NAME_CHARS);
	if (!n || node[5 + n] || node[5] == '.')
		return err_set(e, EINVAL, "'%s' is not /dev/NAME", node);
	return 0;
}

/* Takes file over. The same file replaces what the description says about it. */
static int put_disk(struct config_plan *p, char *file, const char *node, bool readonly,
		    struct err *e)
{
	cleanup_free char *owned = file;
	cleanup_free char *digest = NULL;
	struct vm_spec *s = p->s;
	size_t at = s->ndisks;

	if ((owned ? config_take_digest(owned, &digest, e) : err_memory(e)) < 0)
		return -e->code;
	if (check_node(node, e) < 0)
		return -EINVAL;
	for (size_t i = 0; i < s->ndisks; i++) {
		bool same_file = !strcmp(s->disk[i].file, file);

		if (same_file && (p->path || !p->line.disk[i]))
			return err_set(e, EEXIST, "%s is given twice", file);
		if (same_file)
			at = i;
		else if (!strcmp(s->disk[i].node, node))
			return err_set(e, EEXIST, "%s is %s already", s->disk[i].file, node);
	}
	if (at == VM_DISKS)
		return err_set(e, E2BIG, "more than %u disks", VM_DISKS);
	if (at < s->ndisks) {
		free(s->disk[at].file);
		free(s->disk[at].node);
		free(s->disk[at].digest);
	} else {
		s->ndisks++;
	}
	s->disk[at] = (struct vm_disk){
		.file = take_ptr(&owned),
		.node = strdup(node),
		.digest = take_ptr(&digest),
		.readonly = readonly,
	};
	p->line.disk[at] = p->path ? config_line(p->text, p->len, "devices", p->inner) : 0;
	return s->disk[at].node ? 0 : err_memory(e);
}

/* {"FILE": "/dev/NAME"} or {"FILE": {"node": "/dev/NAME", "readonly": true}} */
int config_set_devices(struct config_plan *p, const json_t *v, struct err *e)
{
	const char *file, *key;
	json_t *value, *field;

	json_object_foreach((json_t *)v, file, value)
	{
		const json_t *node = value;
		bool readonly = false;
		int r;

		p->inner = file;
		if (json_is_object(value)) {
			node = json_object_get(value, "node");
			readonly = json_is_true(json_object_get(value, "readonly"));
			json_object_foreach(value, key, field)
			{
				if (strcmp(key, "node") != 0 && strcmp(key, "readonly") != 0)
					return err_set(e, EINVAL, "unknown key '%s'", key);
				if (!strcmp(key, "readonly") && !json_is_boolean(field))
					return err_set(e, EINVAL, "readonly is not true or false");
			}
		}
		if (!*file || !json_is_string(node))
			return err_set(e, EINVAL, "not \"FILE\": \"/dev/NAME\"");
		r = put_disk(p, config_path(p, file), json_string_value(node), readonly, e);
		if (r < 0)
			return r;
	}
	p->inner = NULL;
	return 0;
}

/* FILE=/dev/NAME[,ro]; the file's name may have both '=' and ',' in it. */
int config_disk_word(struct config_plan *p, const char *word, struct err *e)
{
	cleanup_free char *copy = strdup(word);
	char *equals, *comma;

	if (!copy)
		return err_memory(e);
	equals = strrchr(copy, '=');
	if (!equals || equals == copy)
		return err_set(e, EINVAL, "'%s' is not FILE=/dev/NAME[,ro]", word);
	*equals = '\0';
	comma = strchr(equals + 1, ',');
	if (comma && strcmp(comma, ",ro") != 0)
		return err_set(e, EINVAL, "'%s' is not FILE=/dev/NAME[,ro]", word);
	if (comma)
		*comma = '\0';
	return put_disk(p, strdup(copy), equals + 1, comma != NULL, e);
}
