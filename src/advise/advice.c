#include "advice.h"

#include "advice_data.h"
#include "advice_list.h"
#include "advice_merge.h"
#include "advice_route.h"
#include "advice_spec.h"
#include "advice_target.h"
#include "place.h"

#include <string.h>

/* What is under way. */
struct maker {
    const struct advice_input *input;
    struct advice_list *list;
    GPtrArray *wishes[ADVICE_N_NEEDS]; /* of struct advice_wish *, owned */
};

/* @reason is taken. */
static void leave_out(struct maker *maker, const struct fact *fact, char *reason)
{
    struct advice_left *left = g_new(struct advice_left, 1);
    *left = (struct advice_left){.fact = fact, .reason = reason};
    g_ptr_array_add(maker->list->left, left);
}

static enum advice_need need_of(const struct fact *fact)
{
    return fact->class == FACT_TOLERATED ? ADVICE_OPTIONAL : ADVICE_REQUIRED;
}

/* A database that cannot save goes on, and is of no use; nor is a server of mail or files that refuses each of them. */
static bool is_data(const struct maker *maker, const struct advice_wish *wish, const struct fact *fact)
{
    if (wish->fix != NULL)
        return wish->fix->kind == FACT_FIX_VOLUME;
    if (advice_changes_database(maker->input, fact))
        return advice_is_lasting(maker->input, wish);
    return !wish->is_new && place_sort_of(wish->target) == PLACE_LASTING && advice_is_lasting(maker->input, wish);
}

static void wish_for(struct maker *maker, const struct fact *fact, const char *target, bool is_new,
                     const struct fact_fix *fix)
{
    struct advice_wish *wish = advice_wish_new(target, is_new, fact);
    wish->fix = fix;
    wish->note = fix != NULL ? fact->note : NULL;
    wish->need = is_data(maker, wish, fact) ? ADVICE_REQUIRED : need_of(fact);
    advice_merge_add(maker->wishes[wish->need], wish);
}

static bool is_declared(const struct maker *maker, const char *path)
{
    const struct route_spec *route = advice_find_route(maker->input, path);
    return route != NULL && !route->read_only;
}

static void leave_declared(struct maker *maker, const struct fact *fact, const char *path)
{
    leave_out(maker, fact, g_strdup_printf("%s is declared by now", advice_find_route(maker->input, path)->target));
}

/* An advice of some kind with the same words, or a new one. */
static struct advice *find_or_add(struct maker *maker, enum advice_kind kind, const char *name, const char *text,
                                  const struct fact *fact)
{
    GPtrArray *advices = maker->list->advices;
    struct advice *advice = NULL;
    for (guint i = 0; i < advices->len && advice == NULL; i++) {
        struct advice *other = g_ptr_array_index(advices, i);
        if (other->kind == kind && g_strcmp0(other->name, name) == 0 && g_strcmp0(other->text, text) == 0)
            advice = other;
    }
    if (advice == NULL) {
        advice = advice_list_new_advice();
        advice->kind = kind;
        advice->need = need_of(fact);
        advice->name = g_strdup(name);
        advice->text = g_strdup(text);
        g_ptr_array_add(advices, advice);
    }
    advice->need = MIN(advice->need, need_of(fact));
    g_ptr_array_add(advice->facts, (gpointer)fact);
    return advice;
}

/* A variable that moves writes must move them to a place that can be written. */
static void wish_for_value(struct maker *maker, const struct fact *fact, const char *value)
{
    if (*value != '/' || is_declared(maker, value))
        return;
    g_autofree char *place = g_strdup(value);
    for (;;) {
        g_autofree char *parent = place_parent(place);
        if (place_sort_of(place) == PLACE_PASSING && place_sort_of(parent) != PLACE_PASSING)
            break;
        if (strcmp(parent, "/") == 0)
            return;
        g_free(place);
        place = g_steal_pointer(&parent);
    }
    struct advice_seen seen;
    advice_look(maker->input, place, &seen);
    wish_for(maker, fact, seen.path, false, NULL);
    g_free(seen.path);
}

static void advise_variable(struct maker *maker, const struct fact *fact, const struct fact_fix *fix)
{
    struct advice *advice = find_or_add(maker, ADVICE_ENV, fix->name, NULL, fact);
    if (advice->value == NULL) {
        advice->value = g_strdup(fix->value);
        advice->why = g_strdup(fact->note != NULL ? fact->note : "it moves the writes, or leaves them out");
    }
    wish_for_value(maker, fact, fix->value);
}

static void advise_setting(struct maker *maker, const struct fact *fact, const char *text, const char *why)
{
    struct advice *advice = find_or_add(maker, ADVICE_SETTING, NULL, text, fact);
    if (advice->why == NULL)
        advice->why = g_strdup(why);
}

/* Whether a place would open what many programs, or one program's settings, are made of. */
static bool is_opening(const char *path, bool is_new)
{
    enum place_sort sort = place_sort_of(path);
    return sort == PLACE_SHARED || (sort == PLACE_COSTLY && !is_new);
}

static void leave_opening(struct maker *maker, const struct fact *fact, const char *path)
{
    leave_out(maker, fact,
              g_strdup_printf("it went on without, and %s would have to be opened for it; where a request fails of it, "
                              "learn mode (rofuse learn on) shows what that needs",
                              path));
}

/* What a program went on without, and what would open what is not its own; unless it goes on to lose a database. */
static bool is_not_worth_it(const struct maker *maker, const struct fact *fact, const char *path, bool is_new)
{
    if (need_of(fact) != ADVICE_OPTIONAL || !is_opening(path, is_new))
        return false;
    return place_is_config(path) || !advice_changes_database(maker->input, fact);
}

/* The place is new, or the image's; no rule for the program is known. */
static void advise_place(struct maker *maker, const struct fact *fact)
{
    struct advice_target target;
    advice_target_of(maker->input, fact, &target);
    if (target.path == NULL) {
        leave_out(maker, fact, target.reason);
        return;
    }
    if (is_declared(maker, target.path))
        leave_declared(maker, fact, target.path);
    else if (is_not_worth_it(maker, fact, target.path, target.is_new))
        leave_opening(maker, fact, target.path);
    else
        wish_for(maker, fact, target.path, target.is_new, NULL);
    g_free(target.path);
}

static bool is_below(const struct maker *maker, const char *path, const char *target)
{
    struct advice_seen seen;
    advice_look(maker->input, path, &seen);
    bool is = place_is_below(seen.path, target);
    g_free(seen.path);
    return is;
}

/* Whether a place would let the attempts through, or what the program tries in their stead. */
static bool helps(const struct maker *maker, const struct fact *fact, const char *target)
{
    bool is_helping = is_below(maker, fact->directory, target) || is_below(maker, fact->place, target);
    for (guint i = 0; i < fact->alternatives->len && !is_helping; i++)
        is_helping = is_below(maker, g_ptr_array_index(fact->alternatives, i), target);
    return is_helping;
}

/* A place of the knowledge base, which knows the program and not the image. */
static void advise_known_place(struct maker *maker, const struct fact *fact, const struct fact_fix *fix)
{
    struct advice_seen seen;
    advice_look(maker->input, fix->target, &seen);
    g_autofree char *path = seen.path, *refusal = advice_target_refusal(fact, path);
    bool is_there_by_now = is_declared(maker, path);
    if (is_there_by_now && fix->also)
        return; /* the fix that it goes with is what is left to do */
    if (!fix->also && !helps(maker, fact, path))
        advise_place(maker, fact); /* an entry can be for more than its place: /run/x for /run/x.pid */
    else if (is_there_by_now)
        leave_declared(maker, fact, path);
    else if (refusal != NULL)
        leave_out(maker, fact, g_steal_pointer(&refusal));
    else if (need_of(fact) == ADVICE_OPTIONAL && fix->kind == FACT_FIX_TMPFS && is_opening(path, !seen.is_there))
        leave_opening(maker, fact, path);
    else
        wish_for(maker, fact, path, !seen.is_there, fix);
}

static void advise_fix(struct maker *maker, const struct fact *fact, const struct fact_fix *fix)
{
    const char *note = fact->note != NULL ? fact->note : "known of this program";
    switch (fix->kind) {
    case FACT_FIX_TMPFS:
    case FACT_FIX_VOLUME:
        advise_known_place(maker, fact, fix);
        return;
    case FACT_FIX_ENV:
        advise_variable(maker, fact, fix);
        return;
    case FACT_FIX_COMMAND:
        advise_setting(maker, fact, fix->value, note);
        return;
    case FACT_FIX_REBUILD:
        leave_out(maker, fact, g_strdup_printf("%s. %s", fix->value, note));
        return;
    default:
        leave_out(maker, fact, g_strdup(note));
        return;
    }
}

/* The best one; but what a program does not work without is declared, where it can be: the advice must help as it stands. */
static guint choose_fix(const struct fact *fact)
{
    for (guint i = 0; need_of(fact) == ADVICE_REQUIRED && i < fact->fixes->len; i++) {
        const struct fact_fix *fix = g_ptr_array_index(fact->fixes, i);
        bool is_declaration = fix->kind == FACT_FIX_TMPFS || fix->kind == FACT_FIX_VOLUME || fix->kind == FACT_FIX_ENV;
        if (is_declaration && !fix->also)
            return i;
    }
    return 0;
}

/* One of the alternatives, and what goes with it. */
static void advise_fixes(struct maker *maker, const struct fact *fact)
{
    guint chosen = choose_fix(fact);
    advise_fix(maker, fact, g_ptr_array_index(fact->fixes, chosen));
    for (guint i = chosen + 1; i < fact->fixes->len; i++) {
        const struct fact_fix *fix = g_ptr_array_index(fact->fixes, i);
        if (!fix->also)
            return;
        advise_fix(maker, fact, fix);
    }
}

static struct advice *find_change(const struct maker *maker, const char *target)
{
    for (guint i = 0; i < maker->list->advices->len; i++) {
        struct advice *advice = g_ptr_array_index(maker->list->advices, i);
        if (advice->changes && strcmp(advice->spec.target, target) == 0)
            return advice;
    }
    return NULL;
}

/* A new advice that says of a route what is declared. */
static struct advice *new_change(const struct route_spec *route)
{
    struct advice *advice = advice_list_new_advice();
    advice->kind = route->kind == ROUTE_TMPFS    ? ADVICE_TMPFS
                   : route->kind == ROUTE_VOLUME ? ADVICE_VOLUME
                                                 : ADVICE_BIND;
    advice->changes = true;
    advice->need = ADVICE_CHOICE;
    route_spec_copy(&advice->spec, route);
    return advice;
}

/* Several facts can change one route: each changes what the ones before have left. Growing is done once. */
static bool is_done(const struct advice *change, const struct fact *fact)
{
    for (guint i = 0; change != NULL && i < change->facts->len; i++) {
        if (((const struct fact *)g_ptr_array_index(change->facts, i))->why == fact->why &&
            fact->why == DENIAL_NO_SPACE)
            return true;
    }
    return false;
}

static void mend_route(struct maker *maker, const struct fact *fact, const struct route_spec *route)
{
    g_autofree char *text = NULL;
    struct advice *known = find_change(maker, route->target);
    struct advice *change = known != NULL ? known : new_change(route);
    enum advice_mend mend =
        is_done(known, fact) ? ADVICE_MEND_SPEC : advice_mend_route(maker->input, fact, &change->spec, &text);
    if (mend == ADVICE_MEND_SPEC || mend == ADVICE_MEND_CHOICE) {
        change->need = MIN(change->need, mend == ADVICE_MEND_CHOICE ? ADVICE_CHOICE : need_of(fact));
        if (change->why == NULL)
            change->why = g_steal_pointer(&text);
        g_ptr_array_add(change->facts, (gpointer)fact);
        if (known == NULL)
            g_ptr_array_add(maker->list->advices, change);
        return;
    }
    if (mend == ADVICE_MEND_OUTSIDE)
        advise_setting(maker, fact, text, "its owner and mode refuse the program");
    else
        leave_out(maker, fact, g_steal_pointer(&text));
    if (known == NULL)
        advice_list_free_advice(change);
}

/* Learn mode let something be executed that was written there before: the place for that must allow it. */
static bool is_execution(const struct fact *fact)
{
    return fact->operations == 1U << DENIAL_EXEC && fact->why == DENIAL_NOT_DECLARED;
}

static void take_execution(struct maker *maker, const struct fact *fact)
{
    struct advice_seen seen;
    struct advice_wish *wish = NULL;
    advice_look(maker->input, fact->directory, &seen);
    for (int need = 0; need < ADVICE_N_NEEDS && wish == NULL; need++)
        wish = advice_merge_find(maker->wishes[need], seen.path);
    if (wish != NULL)
        g_ptr_array_add(wish->facts, (gpointer)fact);
    else
        leave_out(maker, fact, g_strdup("where it was written is not declared, so it will not be there"));
    g_free(seen.path);
}

/* Whether the image's directory lets nobody but others make names in it. */
static bool image_refuses(const struct advice_input *input, const struct fact *fact)
{
    struct advice_seen seen;
    if (fact->uid == 0 || fact->uid == (uid_t)-1 || !fact_is_of_names(fact))
        return false;
    bool is_known = advice_look(input, fact->directory, &seen) && seen.is_directory;
    bool is_refused = is_known && !advice_lets_in(&seen, fact);
    g_free(seen.path);
    return is_refused;
}

/* What the program lives with wherever it runs. A read-only root refuses first what modes would have refused, too. */
static bool is_usual(const struct advice_input *input, const struct fact *fact)
{
    if (fact->route_target != NULL || need_of(fact) != ADVICE_OPTIONAL)
        return false;
    return fact->why == DENIAL_PERMISSION || (fact->why == DENIAL_NOT_DECLARED && image_refuses(input, fact));
}

static void take_fact(struct maker *maker, const struct fact *fact)
{
    const char *held = fact->route_target != NULL ? fact->route_target : fact->directory;
    const struct route_spec *route = fact->why != DENIAL_NOT_DECLARED ? advice_find_route(maker->input, held) : NULL;
    if (fact->class == FACT_PROBE)
        leave_out(maker, fact, g_strdup(fact->note != NULL ? fact->note : fact->reason));
    else if (route != NULL)
        mend_route(maker, fact, route);
    else if (is_usual(maker->input, fact))
        leave_out(maker, fact,
                  g_strdup("the image's own owner and mode refuse it on a writable root, too; it went on"));
    else if (fact->why != DENIAL_NOT_DECLARED && fact->route_target != NULL)
        leave_out(maker, fact, g_strdup_printf("%s, which refused it, is not declared any more", fact->route_target));
    else if (fact->why == DENIAL_NOT_DECLARED && is_declared(maker, fact->directory))
        leave_declared(maker, fact, fact->directory);
    else if (fact->fixes->len > 0)
        advise_fixes(maker, fact);
    else
        advise_place(maker, fact);
}

static GPtrArray *declared_names(const struct advice_input *input)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < input->n_routes; i++) {
        if (input->routes[i].kind == ROUTE_VOLUME && input->routes[i].source != NULL)
            g_ptr_array_add(names, g_strdup(input->routes[i].source));
    }
    return names;
}

static void make_places(struct maker *maker, GPtrArray *names, enum advice_need need)
{
    const GPtrArray *wishes = maker->wishes[need];
    for (guint i = 0; i < wishes->len; i++) {
        const struct advice_wish *wish = g_ptr_array_index(wishes, i);
        struct advice *advice = advice_list_new_advice();
        advice_spec_make(maker->input, wish, wishes, names, advice);
        for (guint j = 0; j < wish->facts->len; j++)
            g_ptr_array_add(advice->facts, g_ptr_array_index(wish->facts, j));
        g_ptr_array_add(maker->list->advices, advice);
    }
}

/* An empty tmpfs over what the image has is seen in no record: what is looked for there is just missing. */
static void note_hidden(struct maker *maker)
{
    const struct advice_input *input = maker->input;
    for (size_t i = 0; input->image != NULL && i < input->n_routes; i++) {
        const struct route_spec *route = &input->routes[i];
        struct advice_seen seen;
        bool has_others = false;
        if (route->kind != ROUTE_TMPFS || route->tmpcopyup || !advice_look(input, route->target, &seen))
            continue;
        g_autoptr(GPtrArray) nobody = g_ptr_array_new();
        struct advice_wish wish = {.target = seen.path, .is_new = !seen.is_directory, .facts = nobody};
        if (advice_has_content(input, &wish, NULL, &has_others))
            g_ptr_array_add(
                maker->list->notes,
                g_strdup_printf("the tmpfs at %s hides what the image has there; if a program misses it (\"No such "
                                "file or directory\"), give it tmpcopyup, or declare a directory below it",
                                route->target));
        g_free(seen.path);
    }
}

static int compare_needs(gconstpointer a, gconstpointer b)
{
    const struct advice *const *one = a, *const *other = b;
    return (int)(*one)->need - (int)(*other)->need;
}

/* What found learn mode's layer full was cut short: how much it needs is not known. */
static bool was_seen_whole(const struct advice_input *input)
{
    for (guint i = 0; i < input->facts->len; i++) {
        if (fact_found_layer_full(g_ptr_array_index(input->facts, i)))
            return false;
    }
    return true;
}

/* A route's place is said as it was declared: /var/run is /run. */
static struct fact_written *without_links(const struct advice_input *input)
{
    struct fact_written *written = input->written != NULL && was_seen_whole(input) ? fact_written_new() : NULL;
    for (guint i = 0; written != NULL && i < input->written->places->len; i++) {
        const struct fact_written_place *place = &g_array_index(input->written->places, struct fact_written_place, i);
        struct advice_seen seen;
        advice_look(input, place->path, &seen);
        (void)fact_written_add(written, seen.path, place->bytes, place->files);
        g_free(seen.path);
    }
    if (written != NULL)
        written->gone = input->written->gone;
    return written;
}

/* A set; the paths are borrowed from the facts. */
static GHashTable *made_directories(const GPtrArray *facts)
{
    GHashTable *made = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        for (guint j = 0; fact_has(fact, DENIAL_MKDIR) && j < fact->paths->len; j++)
            g_hash_table_add(made, g_ptr_array_index(fact->paths, j));
    }
    return made;
}

struct advice_list *advice_make(const struct advice_input *input)
{
    struct fact_written *written = without_links(input);
    g_autoptr(GHashTable) tried = advice_data_paths(input->facts), made = made_directories(input->facts);
    struct advice_input own = *input;
    own.written = written;
    own.tried = tried;
    own.made = made;
    input = &own;
    struct advice_list *list = advice_list_new();
    struct maker maker = {.input = input, .list = list};
    for (int i = 0; i < ADVICE_N_NEEDS; i++)
        maker.wishes[i] = g_ptr_array_new_with_free_func((GDestroyNotify)advice_wish_free);
    for (guint i = 0; i < input->facts->len; i++) {
        if (!is_execution(g_ptr_array_index(input->facts, i)))
            take_fact(&maker, g_ptr_array_index(input->facts, i));
    }
    for (guint i = 0; i < input->facts->len; i++) {
        if (is_execution(g_ptr_array_index(input->facts, i)))
            take_execution(&maker, g_ptr_array_index(input->facts, i));
    }
    g_autoptr(GPtrArray) names = declared_names(input);
    GPtrArray *required = maker.wishes[ADVICE_REQUIRED], *optional = maker.wishes[ADVICE_OPTIONAL];
    advice_merge(input, required);
    advice_merge_covered(optional, required);
    advice_merge(input, optional);
    make_places(&maker, names, ADVICE_REQUIRED);
    make_places(&maker, names, ADVICE_OPTIONAL);
    note_hidden(&maker);
    /* A stable order: the sort of GLib keeps what is equal as it was. */
    g_ptr_array_sort(list->advices, compare_needs);
    for (int i = 0; i < ADVICE_N_NEEDS; i++)
        g_ptr_array_unref(maker.wishes[i]);
    fact_written_unref(written);
    return list;
}
