#include "audit.h"

#include "fact.h"
#include "place.h"
#include "quantity.h"
#include "text.h"

#include <string.h>

/* More writable places than this are more than a person checks. */
#define MOST_PLACES 8

static const struct {
    const char *name;
    enum audit_level level;
    const char *text;
} rules[AUDIT_N_RULES] = {
    [AUDIT_NOT_READ_ONLY] = {"read-only-missing", AUDIT_ERROR, "The root file system is read-only."},
    [AUDIT_LEARNING] = {"learning", AUDIT_ERROR, "Learn mode is off."},
    [AUDIT_PROGRAM_WRITABLE] = {"writable-program", AUDIT_ERROR, "No writable place holds programs or libraries."},
    [AUDIT_CONFIG_WRITABLE] = {"writable-configuration", AUDIT_WARNING, "No writable place holds configuration."},
    [AUDIT_HOST_WRITABLE] = {"writable-host-path", AUDIT_ERROR,
                             "No directory that the host depends on can be written to."},
    [AUDIT_WIDE] = {"wide-place", AUDIT_WARNING, "Writable places are as narrow as the program's needs."},
    [AUDIT_MANY] = {"many-places", AUDIT_NOTE, "Writable places are few."},
    [AUDIT_EXEC] = {"exec-allowed", AUDIT_WARNING, "What is written in memory cannot be run."},
    [AUDIT_WORLD_WRITABLE] = {"world-writable", AUDIT_WARNING,
                              "Where everybody may write, nobody may remove what is another's."},
    [AUDIT_UNLIMITED] = {"unlimited", AUDIT_NOTE, "A tmpfs has a size."},
    [AUDIT_NEVER_WRITTEN] = {"never-written", AUDIT_WARNING, "Every writable place is written to."},
    [AUDIT_COULD_BE_READ_ONLY] = {"could-be-read-only", AUDIT_WARNING,
                                  "A volume or bind that is only read is read-only."},
    [AUDIT_TEMPORARY_IN_VOLUME] = {"temporary-in-volume", AUDIT_NOTE, "Temporary data is on a tmpfs."},
    [AUDIT_WRITES_TO_PROGRAM] = {"writes-to-program", AUDIT_WARNING, "The program does not change its own files."},
    [AUDIT_WRITES_TO_CONFIG] = {"writes-to-configuration", AUDIT_WARNING, "Nothing writes to /etc."},
    [AUDIT_FATAL] = {"refused-fatally", AUDIT_ERROR, "Nothing that the program depends on is refused."},
    [AUDIT_UNDECIDED] = {"refused", AUDIT_NOTE, "Of all that is refused it is known how the program went on."},
};

const char *audit_rule_name(enum audit_rule rule)
{
    return rules[rule].name;
}

const char *audit_rule_text(enum audit_rule rule)
{
    return rules[rule].text;
}

enum audit_level audit_rule_level(enum audit_rule rule)
{
    return rules[rule].level;
}

const char *audit_level_name(enum audit_level level)
{
    static const char *const names[] = {[AUDIT_NOTE] = "note", [AUDIT_WARNING] = "warning", [AUDIT_ERROR] = "error"};
    return names[level];
}

static void free_finding(void *data)
{
    struct audit_finding *finding = data;
    g_free(finding->subject);
    g_free(finding->reason);
    g_free(finding->mend);
    g_free(finding);
}

/* Takes the two texts. */
static void add(GPtrArray *findings, enum audit_rule rule, const char *subject, char *reason, char *mend)
{
    struct audit_finding *finding = g_new0(struct audit_finding, 1);
    *finding = (struct audit_finding){.rule = rule, .subject = g_strdup(subject), .reason = reason, .mend = mend};
    g_ptr_array_add(findings, finding);
}

static void check_root(const struct audit_subject *subject, GPtrArray *findings)
{
    if (subject->has_read_only && !subject->is_read_only)
        add(findings, AUDIT_NOT_READ_ONLY, subject->name,
            g_strdup("docker and podman would run it with a root that can be changed"),
            g_strdup("say read_only: true for the service, or --read-only"));
    if (subject->is_learning)
        add(findings, AUDIT_LEARNING, subject->name,
            g_strdup("every write that is not declared succeeds on a throw-away layer"),
            g_strdup("switch it off: rofuse learn off"));
    size_t n = 0;
    for (size_t i = 0; i < subject->n_routes; i++)
        n += !subject->routes[i].read_only;
    if (n > MOST_PLACES)
        add(findings, AUDIT_MANY, subject->name,
            g_strdup_printf("%zu places can be written to; %d can be kept in mind", n, MOST_PLACES),
            g_strdup("let the program write below fewer directories"));
}

/* A path of the host that its own programs depend on. */
static bool is_host_business(const char *path)
{
    static const char *const host[] = {"/etc",   "/usr",     "/bin",  "/sbin",           "/lib",
                                       "/lib64", "/boot",    "/dev",  "/proc",           "/sys",
                                       "/run",   "/var/run", "/root", "/var/lib/docker", "/var/lib/containers"};
    bool is_in = strcmp(path, "/") == 0;
    for (size_t i = 0; i < G_N_ELEMENTS(host); i++)
        is_in |= place_is_below(path, host[i]);
    return is_in;
}

static bool is_host_bind(const struct route_spec *route)
{
    return route->kind == ROUTE_BIND && route->source != NULL && is_host_business(route->source);
}

/* Who may connect to a socket may do so on a read-only mount as well. */
static bool is_host_socket(const struct route_spec *route)
{
    return is_host_bind(route) && g_str_has_suffix(route->source, ".sock");
}

static void check_host(const struct route_spec *route, GPtrArray *findings)
{
    g_autofree char *shown = text_quote(route->source);
    if (is_host_socket(route))
        add(findings, AUDIT_HOST_WRITABLE, route->target,
            g_strdup_printf("it is the host's %s: who speaks to it may change the host%s", shown,
                            route->read_only ? ", :ro or not" : ""),
            g_strdup(
                "leave it out, or let a proxy stand before it; :ro would not keep the program from speaking to it"));
    else
        add(findings, AUDIT_HOST_WRITABLE, route->target,
            g_strdup_printf("it is the host's %s: who writes there changes the host", shown),
            g_strdup("add :ro, or keep the data in a volume"));
}

static void check_where(const struct route_spec *route, GPtrArray *findings)
{
    const char *kind = route_kind_name(route->kind);
    if (place_is_program(route->target))
        add(findings, AUDIT_PROGRAM_WRITABLE, route->target,
            g_strdup_printf("the %s lies over programs or libraries of the image, which an intruder could replace",
                            kind),
            g_strdup("let the program write elsewhere, or make it read-only"));
    else if (place_is_config(route->target))
        add(findings, AUDIT_CONFIG_WRITABLE, route->target,
            g_strdup_printf("the %s lies over configuration of the image", kind),
            g_strdup("write the configuration when the image is built, or mount it read-only"));
    else if (place_is_wide(route->target))
        add(findings, AUDIT_WIDE, route->target,
            g_strdup_printf("much more than one program's data lies there%s",
                            route->kind == ROUTE_TMPFS && !route->tmpcopyup ? "; what the image has there is hidden"
                                                                            : ""),
            g_strdup("declare the directory below it that the program writes to; rofuse advise names it"));
    if (is_host_bind(route))
        check_host(route, findings);
}

/* Of what a tmpfs with a copy starts with nothing is known here. */
static char *propose_size(const struct route_spec *route, const struct fact_written *seen)
{
    uint64_t written = route->tmpcopyup ? 0 : fact_written_below(seen, route->target);
    if (written == 0)
        return g_strdup("give it a size that all fits into which the program writes there, size=64m for example");
    return g_strdup_printf("give it a size: size=%" G_GUINT64_FORMAT "m, by what was written there",
                           fact_written_limit(0, written) >> 20);
}

static void check_tmpfs(const struct route_spec *route, const struct fact_written *written, GPtrArray *findings)
{
    mode_t mode = route->has_mode ? route->mode : 01777;
    if (!route->noexec)
        add(findings, AUDIT_EXEC, route->target, g_strdup("what an intruder writes there he can run"),
            g_strdup("leave out exec, unless the program runs what it writes there"));
    if ((mode & 0002) && !(mode & 01000))
        add(findings, AUDIT_WORLD_WRITABLE, route->target,
            g_strdup_printf("mode %04o: everybody may write there, and remove what others wrote", (unsigned)mode),
            g_strdup("use mode=1777, or mode=0755 with uid= and gid= of the one who writes"));
    if (route->size == 0 && route->size_percent == 0)
        add(findings, AUDIT_UNLIMITED, route->target, g_strdup("it may take half of the machine's memory"),
            propose_size(route, written));
}

static void check_route(const struct route_spec *route, enum audit_use use, const struct fact_written *written,
                        GPtrArray *findings)
{
    const char *kind = route_kind_name(route->kind);
    if (route->read_only) {
        if (is_host_socket(route))
            check_host(route, findings);
        return;
    }
    check_where(route, findings);
    if (route->kind == ROUTE_TMPFS)
        check_tmpfs(route, written, findings);
    else if (place_is_temporary(route->target) && !is_host_bind(route))
        add(findings, AUDIT_TEMPORARY_IN_VOLUME, route->target,
            g_strdup_printf("a %s keeps what nobody would miss, and shows it to the next one who uses it", kind),
            g_strdup("declare a tmpfs there, unless another container has to see it"));
    if (use == AUDIT_UNUSED && route->kind == ROUTE_TMPFS)
        add(findings, AUDIT_NEVER_WRITTEN, route->target, g_strdup("nothing has been written there"),
            g_strdup("leave it out, when the program was seen at all of its work"));
    else if (use == AUDIT_UNUSED)
        add(findings, AUDIT_COULD_BE_READ_ONLY, route->target,
            g_strdup_printf("nothing has been written to the %s", kind),
            g_strdup("add :ro, when the program was seen at all of its work"));
}

/* Whether a fact is about the program's own files: its directory, or that it works in, unless that is a usual place. */
static bool is_own(const struct fact *fact, const char *working_dir)
{
    if (place_is_config(fact->place) || place_is_temporary(fact->place))
        return false;
    if (place_is_program(fact->place))
        return true;
    if (working_dir != NULL && strcmp(working_dir, "/") != 0 && place_is_below(fact->place, working_dir))
        return true;
    g_autofree char *directory = fact->executable != NULL ? g_path_get_dirname(fact->executable) : NULL;
    return directory != NULL && strcmp(directory, "/") != 0 && place_is_below(fact->place, directory);
}

/* A declaration, for which there is advise; but no declaration mends what the runtime or the image has to bring. */
static char *mend_fatal(const struct fact *fact)
{
    char *runtime = place_runtime_words(fact->place);
    if (runtime != NULL)
        return runtime;
    for (guint i = 0; i < fact->fixes->len; i++) {
        const struct fact_fix *fix = g_ptr_array_index(fact->fixes, i);
        if (fix->kind != FACT_FIX_REBUILD && fix->kind != FACT_FIX_NONE)
            return g_strdup("rofuse advise says what to declare");
    }
    const struct fact_fix *first = fact->fixes->len > 0 ? g_ptr_array_index(fact->fixes, 0) : NULL;
    if (first != NULL && first->kind == FACT_FIX_REBUILD)
        return g_strdup(first->value);
    return g_strdup(first != NULL && fact->note != NULL ? fact->note : "rofuse advise says what to declare");
}

static void check_fact(const struct fact *fact, const char *working_dir, GPtrArray *findings)
{
    g_autofree char *program = fact_program(fact);
    g_autofree char *shown = text_quote(program);
    if (fact->class == FACT_FATAL) {
        add(findings, AUDIT_FATAL, fact->place, g_strdup_printf("%s: %s", shown, fact->reason), mend_fatal(fact));
        return;
    }
    /* A probe changes nothing, and is no fault of the program's. */
    if (fact->class == FACT_PROBE)
        return;
    if (place_is_config(fact->place))
        add(findings, AUDIT_WRITES_TO_CONFIG, fact->place, g_strdup_printf("%s wants to change it at run time", shown),
            g_strdup("write it when the image is built, or let the program read it from elsewhere"));
    else if (is_own(fact, working_dir))
        add(findings, AUDIT_WRITES_TO_PROGRAM, fact->place,
            g_strdup_printf("%s wants to write among the program's own files", shown),
            g_strdup("let it write below /tmp or a volume, by a setting or an environment variable"));
    else if (fact->class == FACT_OPEN && !fact->learned)
        add(findings, AUDIT_UNDECIDED, fact->place, g_strdup_printf("%s: %s", shown, fact->reason),
            g_strdup("look whether the program works; rofuse advise says what to declare if it does not"));
}

/* By rule, then by subject: the same for the same subject, whatever order routes and facts had. */
static int compare(const void *a, const void *b)
{
    const struct audit_finding *left = *(struct audit_finding *const *)a, *right = *(struct audit_finding *const *)b;
    if (left->rule != right->rule)
        return left->rule < right->rule ? -1 : 1;
    int order = strcmp(left->subject, right->subject);
    return order != 0 ? order : strcmp(left->reason, right->reason);
}

GPtrArray *audit_make(const struct audit_subject *subject)
{
    GPtrArray *findings = g_ptr_array_new_with_free_func(free_finding);
    check_root(subject, findings);
    for (size_t i = 0; i < subject->n_routes; i++)
        check_route(&subject->routes[i], subject->uses != NULL ? subject->uses[i] : AUDIT_USE_UNKNOWN, subject->written,
                    findings);
    for (guint i = 0; subject->facts != NULL && i < subject->facts->len; i++)
        check_fact(g_ptr_array_index(subject->facts, i), subject->working_dir, findings);
    g_ptr_array_sort(findings, compare);
    return findings;
}
