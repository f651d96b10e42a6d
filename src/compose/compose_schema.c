#include "compose_schema.h"

#include "text.h"

#include <string.h>

/* Beside the types of scalars. */
enum {
    LIST = 32,
    MAP = 64,
    ANYTHING = 128,

    STRING = COMPOSE_STRING,
    BOOL = COMPOSE_BOOL,
    NUMBER = COMPOSE_INT | COMPOSE_FLOAT,
    NOTHING = COMPOSE_NULL,
};

/* What stands below a key. */
struct rule {
    const char *key;
    unsigned types;
    const struct rule *keys;  /* of a mapping; NULL: any keys, whose values follow @each */
    const struct rule *items; /* of a list; NULL: anything */
    const struct rule *each;  /* values of a mapping with any keys; NULL: anything */
};

/* clang-format off */
#define IGNORED(name) {(name), ANYTHING, NULL, NULL, NULL}
#define SCALAR(name, types) {(name), (types), NULL, NULL, NULL}
#define END {NULL, 0, NULL, NULL, NULL}
/* clang-format on */

static const struct rule a_string = SCALAR("", STRING);
static const struct rule a_variable = SCALAR("", STRING | BOOL | NUMBER | NOTHING);

static const struct rule bind_keys[] = {SCALAR("propagation", STRING), SCALAR("create_host_path", BOOL),
                                        SCALAR("recursive", STRING), SCALAR("selinux", STRING), END};
static const struct rule volume_keys[] = {IGNORED("labels"), SCALAR("nocopy", BOOL), SCALAR("subpath", STRING), END};
static const struct rule tmpfs_keys[] = {SCALAR("size", STRING | NUMBER), SCALAR("mode", STRING | NUMBER), END};

static const struct rule long_volume_keys[] = {
    SCALAR("type", STRING),
    SCALAR("source", STRING),
    SCALAR("target", STRING),
    SCALAR("read_only", BOOL),
    SCALAR("consistency", STRING),
    {"bind", MAP | NOTHING, bind_keys, NULL, NULL},
    {"volume", MAP | NOTHING, volume_keys, NULL, NULL},
    {"tmpfs", MAP | NOTHING, tmpfs_keys, NULL, NULL},
    IGNORED("image"),
    END,
};
static const struct rule a_volume = {"", STRING | MAP, long_volume_keys, NULL, NULL};

static const struct rule env_file_keys[] = {SCALAR("path", STRING), SCALAR("required", BOOL), SCALAR("format", STRING),
                                            END};
static const struct rule an_env_file = {"", STRING | MAP, env_file_keys, NULL, NULL};

static const struct rule grant_keys[] = {SCALAR("source", STRING), SCALAR("target", STRING), IGNORED("uid"),
                                         IGNORED("gid"),           IGNORED("mode"),          END};
static const struct rule a_grant = {"", STRING | MAP, grant_keys, NULL, NULL};

static const struct rule extends_keys[] = {SCALAR("service", STRING), SCALAR("file", STRING), END};
static const struct rule rofuse_keys[] = {SCALAR("image", STRING), END};

static const struct rule service_keys[] = {
    {"command", STRING | LIST | NOTHING, NULL, &a_string, NULL},
    {"entrypoint", STRING | LIST | NOTHING, NULL, &a_string, NULL},
    {"env_file", STRING | LIST | NOTHING, NULL, &an_env_file, NULL},
    {"environment", LIST | MAP | NOTHING, NULL, &a_string, &a_variable},
    {"extends", STRING | MAP | NOTHING, extends_keys, NULL, NULL},
    SCALAR("hostname", STRING | NOTHING),
    SCALAR("image", STRING | NOTHING),
    SCALAR("init", BOOL | NOTHING),
    SCALAR("read_only", BOOL | NOTHING),
    SCALAR("stdin_open", BOOL | NOTHING),
    SCALAR("stop_signal", STRING | NOTHING),
    {"tmpfs", STRING | LIST | NOTHING, NULL, &a_string, NULL},
    SCALAR("tty", BOOL | NOTHING),
    SCALAR("user", STRING | NOTHING),
    {"volumes", LIST | NOTHING, NULL, &a_volume, NULL},
    {"volumes_from", LIST | NOTHING, NULL, &a_string, NULL},
    SCALAR("working_dir", STRING | NOTHING),
    {"x-rofuse", MAP | NOTHING, rofuse_keys, NULL, NULL},
    {"configs", LIST | NOTHING, NULL, &a_grant, NULL},
    {"secrets", LIST | NOTHING, NULL, &a_grant, NULL},
    IGNORED("annotations"),
    IGNORED("attach"),
    IGNORED("blkio_config"),
    IGNORED("build"),
    IGNORED("cap_add"),
    IGNORED("cap_drop"),
    IGNORED("cgroup"),
    IGNORED("cgroup_parent"),
    IGNORED("container_name"),
    IGNORED("cpu_count"),
    IGNORED("cpu_percent"),
    IGNORED("cpu_period"),
    IGNORED("cpu_quota"),
    IGNORED("cpu_rt_period"),
    IGNORED("cpu_rt_runtime"),
    IGNORED("cpu_shares"),
    IGNORED("cpus"),
    IGNORED("cpuset"),
    IGNORED("credential_spec"),
    IGNORED("depends_on"),
    IGNORED("deploy"),
    IGNORED("develop"),
    IGNORED("device_cgroup_rules"),
    IGNORED("devices"),
    IGNORED("dns"),
    IGNORED("dns_opt"),
    IGNORED("dns_search"),
    IGNORED("domainname"),
    IGNORED("expose"),
    IGNORED("external_links"),
    IGNORED("extra_hosts"),
    IGNORED("gpus"),
    IGNORED("group_add"),
    IGNORED("healthcheck"),
    IGNORED("ipc"),
    IGNORED("isolation"),
    IGNORED("label_file"),
    IGNORED("labels"),
    IGNORED("links"),
    IGNORED("logging"),
    IGNORED("mac_address"),
    IGNORED("mem_limit"),
    IGNORED("mem_reservation"),
    IGNORED("mem_swappiness"),
    IGNORED("memswap_limit"),
    IGNORED("models"),
    IGNORED("network_mode"),
    IGNORED("networks"),
    IGNORED("oom_kill_disable"),
    IGNORED("oom_score_adj"),
    IGNORED("pid"),
    IGNORED("pids_limit"),
    IGNORED("platform"),
    IGNORED("ports"),
    IGNORED("post_start"),
    IGNORED("pre_stop"),
    IGNORED("privileged"),
    IGNORED("profiles"),
    IGNORED("provider"),
    IGNORED("pull_policy"),
    IGNORED("pull_refresh_after"),
    IGNORED("restart"),
    IGNORED("runtime"),
    IGNORED("scale"),
    IGNORED("security_opt"),
    IGNORED("shm_size"),
    IGNORED("stop_grace_period"),
    IGNORED("storage_opt"),
    IGNORED("sysctls"),
    IGNORED("ulimits"),
    IGNORED("use_api_socket"),
    IGNORED("userns_mode"),
    IGNORED("uts"),
    END,
};
static const struct rule a_service = {"", MAP, service_keys, NULL, NULL};

static const struct rule external_keys[] = {SCALAR("name", STRING), END};
static const struct rule named_volume_keys[] = {
    SCALAR("name", STRING),
    {"external", BOOL | MAP, external_keys, NULL, NULL},
    SCALAR("driver", STRING | NOTHING),
    {"driver_opts", MAP | NOTHING, NULL, NULL, NULL},
    IGNORED("labels"),
    END,
};
static const struct rule a_named_volume = {"", MAP | NOTHING, named_volume_keys, NULL, NULL};

static const struct rule secret_keys[] = {SCALAR("file", STRING | NOTHING),
                                          IGNORED("content"),
                                          IGNORED("driver"),
                                          IGNORED("driver_opts"),
                                          IGNORED("environment"),
                                          IGNORED("external"),
                                          IGNORED("labels"),
                                          IGNORED("name"),
                                          IGNORED("template_driver"),
                                          END};
static const struct rule a_secret = {"", MAP | NOTHING, secret_keys, NULL, NULL};

static const struct rule include_keys[] = {{"path", STRING | LIST, NULL, &a_string, NULL},
                                           SCALAR("project_directory", STRING),
                                           {"env_file", STRING | LIST, NULL, &a_string, NULL},
                                           END};
static const struct rule an_include = {"", STRING | MAP, include_keys, NULL, NULL};

static const struct rule top_keys[] = {
    {"services", MAP, NULL, NULL, &a_service},
    {"volumes", MAP | NOTHING, NULL, NULL, &a_named_volume},
    SCALAR("name", STRING),
    {"include", LIST | NOTHING, NULL, &an_include, NULL},
    IGNORED("version"),
    IGNORED("networks"),
    {"secrets", MAP | NOTHING, NULL, NULL, &a_secret},
    {"configs", MAP | NOTHING, NULL, NULL, &a_secret},
    IGNORED("models"),
    END,
};
static const struct rule top = {"", MAP, top_keys, NULL, NULL};

/* How many letters have to be changed, added, left out or swapped; words of keys are short. */
static guint distance(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    size_t n = strlen(a), m = strlen(b);
    guint rows[3][LONGEST + 1] = {0};
    if (n > LONGEST || m > LONGEST)
        return G_MAXUINT;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (guint)j;
    for (size_t i = 1; i <= n; i++) {
        const guint *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];
        guint *row = rows[i % 3];
        row[0] = (guint)i;
        for (size_t j = 1; j <= m; j++) {
            guint change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = MIN(change, MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], second[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

static const char *nearest(const struct rule *keys, const char *key)
{
    const char *best = NULL;
    guint least = MIN(3, (guint)strlen(key) / 2 + 1);
    g_autofree char *wanted = g_ascii_strdown(key, -1);
    g_strdelimit(wanted, "-", '_');
    for (; keys->key != NULL; keys++) {
        guint n = distance(wanted, keys->key);
        if (n < least) {
            least = n;
            best = keys->key;
        }
    }
    return best;
}

/* "source, target, read_only", of what a short list of keys has. */
static char *list_keys(const struct rule *keys)
{
    GString *list = g_string_new(NULL);
    for (guint i = 0; keys[i].key != NULL; i++)
        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", keys[i].key);
    return g_string_free(list, FALSE);
}

static gboolean fail_unknown(const struct compose_node *key, const char *where, const struct rule *keys, GError **error)
{
    enum { SHORT_LIST = 12 };
    guint n = 0;
    while (keys[n].key != NULL)
        n++;
    g_autofree char *shown = text_word(key->text), *list = n <= SHORT_LIST ? list_keys(keys) : NULL;
    const char *meant = nearest(keys, key->text);
    const char *place = *where != '\0' ? where : NULL;
    if (meant != NULL)
        return compose_node_fail(key, place, error, "unknown key %s; did you mean %s?", shown, meant);
    if (list != NULL)
        return compose_node_fail(key, place, error, "unknown key %s; known are %s", shown, list);
    return compose_node_fail(key, place, error,
                             "unknown key %s; remove it, or begin it with x- if it is for another program", shown);
}

static const char *kind_words(const struct compose_node *node)
{
    if (node->kind != COMPOSE_SCALAR)
        return node->kind == COMPOSE_MAPPING ? "a mapping" : "a list";
    switch (compose_node_type(node)) {
    case COMPOSE_NULL:
        return "empty";
    case COMPOSE_BOOL:
        return "true or false";
    case COMPOSE_INT:
    case COMPOSE_FLOAT:
        return "a number";
    case COMPOSE_STRING:
        break;
    }
    return "a text";
}

/* "a text, a list or a mapping", owned by the caller. */
static char *types_words(unsigned types)
{
    static const struct {
        unsigned type;
        const char *words;
    } all[] = {{BOOL, "true or false"}, {STRING, "a text"}, {NUMBER, "a number"}, {LIST, "a list"}, {MAP, "a mapping"}};
    GString *words = g_string_new(NULL);
    guint left = 0;
    for (guint i = 0; i < G_N_ELEMENTS(all); i++)
        left += (types & all[i].type) != 0;
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        if ((types & all[i].type) == 0)
            continue;
        g_string_append(words, all[i].words);
        left--;
        if (left > 0)
            g_string_append(words, left > 1 ? ", " : " or ");
    }
    return g_string_free(words, FALSE);
}

static bool scalar_fits(const struct compose_node *node, unsigned types)
{
    bool value;
    unsigned type = compose_node_type(node);
    if ((types & type) != 0)
        return true;
    /* Compose takes "true" in quotes, and what variables make, where yes and no are wanted; and yes for true. */
    return (types & BOOL) != 0 && type == COMPOSE_STRING && compose_node_bool(node, &value);
}

static gboolean fail_type(const struct compose_node *node, const char *where, unsigned types, GError **error)
{
    g_autofree char *wanted = types_words(types);
    const char *place = *where != '\0' ? where : "the file";
    if (node->kind == COMPOSE_SCALAR && (types & STRING) != 0 && compose_node_type(node) != COMPOSE_NULL) {
        g_autofree char *shown = text_escape(node->text);
        return compose_node_fail(node, place, error, "this is %s, not a text; put it in quotes: \"%s\"",
                                 kind_words(node), shown);
    }
    return compose_node_fail(node, place, error, "this is %s; write %s", kind_words(node), wanted);
}

static gboolean check(const struct compose_node *node, const char *where, const struct rule *rule, GError **error);

static gboolean check_pairs(const struct compose_node *node, const char *where, const struct rule *rule, GError **error)
{
    for (guint i = 0; i < node->n; i++) {
        const struct compose_pair *pair = &node->pairs[i];
        const struct rule *below = rule->keys;
        while (below != NULL && below->key != NULL && strcmp(below->key, pair->key->text) != 0)
            below++;
        if (rule->keys != NULL && below->key == NULL) {
            if (g_str_has_prefix(pair->key->text, "x-"))
                continue;
            return fail_unknown(pair->key, where, rule->keys, error);
        }
        if (below == NULL)
            below = rule->each;
        g_autofree char *key = text_word(pair->key->text);
        g_autofree char *deeper = g_strdup_printf("%s%s%s", where, *where != '\0' ? "." : "", key);
        if (below != NULL && pair->value->tag != COMPOSE_TAG_RESET && !check(pair->value, deeper, below, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean check(const struct compose_node *node, const char *where, const struct rule *rule, GError **error)
{
    if ((rule->types & ANYTHING) != 0)
        return TRUE;
    bool fits = node->kind == COMPOSE_SCALAR     ? scalar_fits(node, rule->types)
                : node->kind == COMPOSE_SEQUENCE ? (rule->types & LIST) != 0
                                                 : (rule->types & MAP) != 0;
    if (!fits)
        return fail_type(node, where, rule->types, error);
    if (node->kind == COMPOSE_MAPPING)
        return check_pairs(node, where, rule, error);
    for (guint i = 0; node->kind == COMPOSE_SEQUENCE && rule->items != NULL && i < node->n; i++) {
        g_autofree char *deeper = g_strdup_printf("%s[%u]", where, i);
        if (!check(node->items[i], deeper, rule->items, error))
            return FALSE;
    }
    return TRUE;
}

/* Names of services and volumes: what the schema's patternProperties say. */
static gboolean check_names(const struct compose_node *mapping, const char *what, GError **error)
{
    for (guint i = 0; mapping != NULL && mapping->kind == COMPOSE_MAPPING && i < mapping->n; i++) {
        const struct compose_node *key = mapping->pairs[i].key;
        bool is_good = *key->text != '\0';
        for (const char *c = key->text; is_good && *c != '\0'; c++)
            is_good = g_ascii_isalnum(*c) || strchr("._-", *c) != NULL;
        if (!is_good) {
            g_autofree char *shown = text_word(key->text);
            return compose_node_fail(key, what, error, "%s is no name; use letters, digits, \".\", \"_\" and \"-\"",
                                     shown);
        }
    }
    return TRUE;
}

gboolean compose_schema_check(const struct compose_node *root, GError **error)
{
    return check(root, "", &top, error) && check_names(compose_node_get(root, "services"), "services", error) &&
           check_names(compose_node_get(root, "volumes"), "volumes", error);
}
