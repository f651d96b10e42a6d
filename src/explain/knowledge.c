#include "knowledge.h"

#include "app_error.h"
#include "json_read.h"
#include "knowledge_data.h"
#include "text.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define MOST_FILE ((size_t)4 << 20)
#define MOST_ENTRIES 4096
#define MOST_GLOBS 32
#define MOST_FIXES 16

/* Stands for the fact's directory in the target of a fix. */
#define DIRECTORY "{directory}"

struct entry {
    char *id;
    char **programs; /* globs; NULL = any, as all lists here */
    char **places;
    char **images;
    char **arguments;
    char **reasons; /* names of enum denial_why; NULL = not-declared */
    bool has_class;
    enum fact_class class;
    char *note, *reported;
    GPtrArray *fixes; /* of struct fact_fix, owned */
};

struct knowledge {
    GPtrArray *entries; /* of struct entry, owned, in the order in which they are tried */
};

static void free_entry(void *data)
{
    struct entry *entry = data;
    g_free(entry->id);
    g_strfreev(entry->programs);
    g_strfreev(entry->places);
    g_strfreev(entry->images);
    g_strfreev(entry->arguments);
    g_strfreev(entry->reasons);
    g_free(entry->note);
    g_free(entry->reported);
    g_ptr_array_unref(entry->fixes);
    g_free(entry);
}

static struct fact_fix *read_fix(struct json_read *read, const json_t *object)
{
    struct fact_fix *fix = g_new0(struct fact_fix, 1);
    const char *kind = json_read_word(read, object, "kind", JSON_READ_REQUIRED);
    if (kind != NULL && !fact_fix_kind_parse(kind, &fix->kind))
        json_read_fail(read, "kind", "is none of tmpfs, volume, env, command, rebuild, none");
    bool has_target = fix->kind == FACT_FIX_TMPFS || fix->kind == FACT_FIX_VOLUME;
    bool has_name = fix->kind == FACT_FIX_ENV || fix->kind == FACT_FIX_VOLUME;
    bool has_value = fix->kind == FACT_FIX_ENV || fix->kind == FACT_FIX_COMMAND || fix->kind == FACT_FIX_REBUILD;
    const enum json_read_need needs[] = {JSON_READ_OPTIONAL, JSON_READ_REQUIRED};
    fix->target = g_strdup(json_read_word(read, object, "target", needs[has_target]));
    if (fix->target != NULL && *fix->target != '/' && strcmp(fix->target, DIRECTORY) != 0)
        json_read_fail(read, "target", "is neither an absolute path nor " DIRECTORY);
    fix->name = g_strdup(json_read_word(read, object, "name", needs[has_name]));
    fix->value = g_strdup(json_read_word(read, object, "value", needs[has_value]));
    fix->options = g_strdup(json_read_word(read, object, "options", JSON_READ_OPTIONAL));
    fix->for_writer = json_read_true(read, object, "for_writer");
    fix->copy = json_read_true(read, object, "copy");
    fix->also = json_read_true(read, object, "also");
    return fix;
}

static char **read_globs(struct json_read *read, const json_t *match, const char *key)
{
    return json_read_bytes_list(read, match, key, JSON_READ_OPTIONAL, MOST_GLOBS);
}

static struct entry *read_entry(struct json_read *read, const json_t *object)
{
    struct entry *entry = g_new0(struct entry, 1);
    entry->fixes = g_ptr_array_new_with_free_func((GDestroyNotify)fact_fix_free);
    entry->id = g_strdup(json_read_word(read, object, "id", JSON_READ_REQUIRED));
    const json_t *match = json_read_object(read, object, "match", JSON_READ_REQUIRED);
    entry->programs = read_globs(read, match, "program");
    entry->places = read_globs(read, match, "place");
    entry->images = read_globs(read, match, "image");
    entry->arguments = read_globs(read, match, "arguments");
    entry->reasons = read_globs(read, match, "why");
    if (entry->programs == NULL && entry->places == NULL)
        json_read_fail(read, "match", "has neither \"program\" nor \"place\"");
    const char *class = json_read_word(read, object, "class", JSON_READ_OPTIONAL);
    entry->has_class = class != NULL;
    if (class != NULL && !fact_class_parse(class, &entry->class))
        json_read_fail(read, "class", "is none of probe, tolerated, fatal");
    entry->note = g_strdup(json_read_word(read, object, "note", JSON_READ_REQUIRED));
    entry->reported = g_strdup(json_read_word(read, object, "reported", JSON_READ_OPTIONAL));
    const json_t *fixes = json_read_array(read, object, "fixes", JSON_READ_REQUIRED, MOST_FIXES);
    for (size_t i = 0; i < json_array_size(fixes); i++)
        g_ptr_array_add(entry->fixes, read_fix(read, json_array_get(fixes, i)));
    return entry;
}

static const struct entry *find_entry(const GPtrArray *entries, const char *id)
{
    for (guint i = 0; i < entries->len; i++) {
        const struct entry *entry = g_ptr_array_index(entries, i);
        if (strcmp(entry->id, id) == 0)
            return entry;
    }
    return NULL;
}

/* Adds the entries of a document whose ids are not there yet. @what: its name for the error line. */
static gboolean add_document(struct knowledge *knowledge, const char *text, size_t size, const char *what,
                             GError **error)
{
    json_error_t wrong;
    json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &wrong);
    if (document == NULL) {
        g_autofree char *why = text_escape(wrong.text);
        return app_error_failed(error, "%s is no JSON: line %d: %s", what, wrong.line, why);
    }
    g_autofree char *where = g_strdup(what);
    struct json_read read = {.what = where};
    const char *schema = json_read_word(&read, document, "schema", JSON_READ_REQUIRED);
    if (schema != NULL && strcmp(schema, KNOWLEDGE_SCHEMA) != 0)
        json_read_fail(&read, "schema", "is not " KNOWLEDGE_SCHEMA);
    const json_t *entries = json_read_array(&read, document, "entries", JSON_READ_REQUIRED, MOST_ENTRIES);
    for (size_t i = 0; i < json_array_size(entries) && read.error == NULL; i++) {
        const json_t *object = json_array_get(entries, i);
        g_free(where);
        g_autofree char *id = text_escape(json_string_value(json_object_get(object, "id")) ?: "?");
        where = g_strdup_printf("%s: entry %zu (%s)", what, i + 1, id);
        read.what = where;
        struct entry *entry = read_entry(&read, object);
        if (entry->id != NULL && find_entry(knowledge->entries, entry->id) == NULL)
            g_ptr_array_add(knowledge->entries, entry);
        else
            free_entry(entry);
    }
    json_decref(document);
    return json_read_end(&read, error);
}

static gboolean add_file(struct knowledge *knowledge, const char *path, const char *what, GError **error)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return app_error_failed(error, "cannot open %s: %s", what, g_strerror(errno));
    g_autofree char *text = g_malloc(MOST_FILE + 1);
    size_t size = fread(text, 1, MOST_FILE + 1, stream);
    bool is_broken = ferror(stream) != 0;
    fclose(stream);
    if (is_broken)
        return app_error_failed(error, "cannot read %s", what);
    if (size > MOST_FILE)
        return app_error_failed(error, "%s is larger than %zu bytes", what, MOST_FILE);
    return add_document(knowledge, text, size, what, error);
}

/* What is wrong with a file is the mistake of whoever wrote it. */
static gboolean add_own(struct knowledge *knowledge, const char *path, GError **error)
{
    g_autofree char *shown = text_word(path);
    g_autofree char *what = g_strconcat("the knowledge file ", shown, NULL);
    g_autoptr(GError) wrong = NULL;
    return add_file(knowledge, path, what, &wrong) || app_error_usage(error, "%s", wrong->message);
}

struct knowledge *knowledge_new(const char *path, GError **error)
{
    struct knowledge *knowledge = g_new0(struct knowledge, 1);
    knowledge->entries = g_ptr_array_new_with_free_func(free_entry);
    if ((path == NULL || add_own(knowledge, path, error)) &&
        add_document(knowledge, (const char *)knowledge_data, knowledge_data_size, "the built-in knowledge", error))
        return knowledge;
    knowledge_free(knowledge);
    return NULL;
}

void knowledge_free(struct knowledge *knowledge)
{
    if (knowledge == NULL)
        return;
    g_ptr_array_unref(knowledge->entries);
    g_free(knowledge);
}

/* fnmatch(3) of a locale's characters is slow, and nearly all globs differ from the text before their first sign. */
static bool is_like(const char *glob, const char *text)
{
    size_t literal = strcspn(glob, "*?[");
    return strncmp(glob, text, literal) == 0 &&
           (glob[literal] != '\0' ? fnmatch(glob, text, FNM_NOESCAPE) == 0 : text[literal] == '\0');
}

/* Any of the globs, in which "*" is for "/" too; @text NULL matches none. */
static bool matches(char *const *globs, const char *text)
{
    for (; text != NULL && *globs != NULL; globs++) {
        if (is_like(*globs, text))
            return true;
    }
    return false;
}

/* A glob without a slash is for the name alone. */
static bool matches_program(char *const *globs, const struct fact *fact)
{
    g_autofree char *program = fact_program(fact);
    return matches(globs, fact->executable) || matches(globs, program) || matches(globs, fact->comm);
}

static bool matches_place(char *const *globs, const struct fact *fact)
{
    bool found = matches(globs, fact->place);
    for (guint i = 0; i < fact->paths->len && !found; i++)
        found = matches(globs, g_ptr_array_index(fact->paths, i));
    return found;
}

static bool is_entry_for(const struct entry *entry, const char *image, const struct fact *fact)
{
    g_autofree char *arguments = g_strjoinv(" ", fact->args);
    return (entry->programs == NULL || matches_program(entry->programs, fact)) &&
           (entry->places == NULL || matches_place(entry->places, fact)) &&
           (entry->images == NULL || matches(entry->images, image)) &&
           (entry->arguments == NULL || matches(entry->arguments, arguments)) &&
           (entry->reasons == NULL ? fact->why == DENIAL_NOT_DECLARED
                                   : matches(entry->reasons, denial_why_name(fact->why)));
}

static void apply_entry(const struct entry *entry, struct fact *fact)
{
    fact->knowledge = g_strdup(entry->id);
    fact->note = g_strdup(entry->note);
    fact->reported = g_strdup(entry->reported);
    for (guint i = 0; i < entry->fixes->len; i++) {
        struct fact_fix *fix = fact_fix_copy(g_ptr_array_index(entry->fixes, i));
        if (g_strcmp0(fix->target, DIRECTORY) == 0) {
            g_free(fix->target);
            fix->target = g_strdup(fact->directory);
        }
        g_ptr_array_add(fact->fixes, fix);
    }
    if (!entry->has_class || fact->because == FACT_NOISE)
        return;
    fact->class = entry->class;
    fact->because = FACT_KNOWN;
    g_free(fact->reason);
    fact->reason = g_strdup(entry->note);
}

bool knowledge_apply(const struct knowledge *knowledge, const char *image, struct fact *fact)
{
    for (guint i = 0; i < knowledge->entries->len; i++) {
        const struct entry *entry = g_ptr_array_index(knowledge->entries, i);
        if (is_entry_for(entry, image, fact)) {
            apply_entry(entry, fact);
            return true;
        }
    }
    return false;
}

char **knowledge_ids(const struct knowledge *knowledge)
{
    char **ids = g_new0(char *, knowledge->entries->len + 1);
    for (guint i = 0; i < knowledge->entries->len; i++)
        ids[i] = g_strdup(((const struct entry *)g_ptr_array_index(knowledge->entries, i))->id);
    return ids;
}
