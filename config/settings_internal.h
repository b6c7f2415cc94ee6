/* settings_internal.h - what the files of the settings reader share: the table's rows and one reading. */
#ifndef CONFIG_SETTINGS_INTERNAL_H
#define CONFIG_SETTINGS_INTERNAL_H

#include "config/settings.h"
#include "config/store.h"
#include "config/yaml.h"

/* One run over one file.  Every fault is noted and the run goes on; the settings count only when there was
 * none. */
struct reading {
	struct settings *s;
	struct faults *f;
	struct store *store;
	const char *file;
};

enum setting_type {
	SETTING_NUMBER, /* unsigned */
	SETTING_SIZE,   /* uint64_t: bytes, with a unit */
	SETTING_BOOL,
	SETTING_TEXT,  /* const char * */
	SETTING_LIST,  /* struct text_list */
	SETTING_WORD,  /* an enum, by name */
	SETTING_OWN,   /* `read` does all of it */
	SETTING_LATER, /* no part of this version: its key is known, and refused with those words */
};

struct setting {
	const char *path; /* "capture.ring_mb" */
	enum setting_type type;
	size_t offset;        /* in struct settings */
	uint64_t least, most; /* numbers and sizes */
	const char *preset;   /* default, as it would be written; NULL: none */
	const char *allowed;  /* what else may be said: for people, when type and bounds do not tell */
	const char *const *words;
	/* Text and each item of a list: checks it and may replace it.  NULL after a fault. */
	const char *(*check)(const struct reading *r, const struct setting *row, const struct ynode *n);
	void (*read)(const struct reading *r, const struct setting *row, const struct ynode *n);
	const char *help;
};

/* settings_load() over text in memory; `name` is what faults show. */
struct settings *settings_parse(const char *name, const char *text, size_t len, struct faults *f);

extern const struct setting settings_table[];
extern const size_t settings_rows;

/* Reads one node as the row wants it into the settings. */
void setting_read(const struct reading *r, const struct setting *row, const struct ynode *n);
/* Writes the row's default into the settings. */
void setting_preset(const struct reading *r, const struct setting *row);
/* "a number from 1 to 4096", for faults and documents. */
const char *setting_allowed(const struct setting *row, char *buf, size_t cap);

/* Values. */
bool node_is_empty(const struct ynode *n); /* nothing stands behind the colon */
int parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *v);
int parse_size(const char *text, uint64_t *v); /* 512, 64KiB, 2GiB, 10MB */
const char *format_size(uint64_t v, char *buf, size_t cap);
/* `what` names the place in faults ("capture.interfaces", "sources"); *n is 0 and the result NULL after
 * faults. */
const char **read_texts(const struct reading *r, const char *what, const struct ynode *n, size_t *count);
/* The word nearest to a mistyped one among n, NULL when none is near. */
const char *near_word(const char *text, const char *const *words, size_t n);
/* " (did you mean `x'?)" or "". */
const char *near_hint(const char *near, char buf[80]);
/* "a, b, c" cut to the buffer. */
const char *join_words(const char *const *words, size_t n, char *buf, size_t cap);
void fault_node(const struct reading *r, const struct ynode *n, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Checks and readers of single rows. */
const char *check_name(const struct reading *r, const struct setting *row, const struct ynode *n);
const char *check_interface(const struct reading *r, const struct setting *row, const struct ynode *n);
const char *check_place(const struct reading *r, const struct setting *row, const struct ynode *n);
const char *check_folder(const struct reading *r, const struct setting *row, const struct ynode *n);
const char *check_certificate(const struct reading *r, const struct setting *row, const struct ynode *n);
const char *check_private_key(const struct reading *r, const struct setting *row, const struct ynode *n);
const char *check_secret_file(const struct reading *r, const struct setting *row, const struct ynode *n);
const char *check_output(const struct reading *r, const struct setting *row, const struct ynode *n);
const char *check_redis(const struct reading *r, const struct setting *row, const struct ynode *n);
void read_internal(const struct reading *r, const struct setting *row, const struct ynode *n);
void read_proxies(const struct reading *r, const struct setting *row, const struct ynode *n);
void read_forwarders(const struct reading *r, const struct setting *row, const struct ynode *n);
void read_groups(const struct reading *r, const struct setting *row, const struct ynode *n);
void read_severities(const struct reading *r, const struct setting *row, const struct ynode *n);
void read_token_key(const struct reading *r, const struct setting *row, const struct ynode *n);

/* The partner register; after networks and catalogue, which it names.  `n` NULL: no entries. */
void read_partners(const struct reading *r, const struct ynode *n);
struct partner_key {
	const char *name, *allowed, *help;
	void (*read)(const struct reading *r, struct partner *p, const struct ynode *n);
};
struct sources {
	const uint16_t *groups;
	const struct cidr *nets;
	size_t n_groups, n_nets;
};
/* A list of groups and networks. */
void read_source_list(const struct reading *r, const struct ynode *n, struct sources *out);
/* DAY_NONE after a fault. */
int32_t read_day(const struct reading *r, const char *what, const struct ynode *n);
void fault_unknown_key(const struct reading *r, const char *what, const struct ynode *key,
        const char *const *words, size_t n);
extern const struct partner_key partner_keys[];
extern const size_t partner_keys_count;

/* alerts.suppress; after networks, catalogue and detectors.  `n` NULL: no rules. */
void read_suppress(const struct reading *r, const struct ynode *n);
struct suppress_key {
	const char *name, *allowed;
	bool required, narrows;
	const char *help;
	void (*read)(const struct reading *r, struct suppress_rule *s, const struct ynode *n);
};
extern const struct suppress_key suppress_keys[];
extern const size_t suppress_keys_count;

#endif
