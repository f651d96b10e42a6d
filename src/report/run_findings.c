#include "run_findings.h"

#include "advise_compose_value.h"

static void count(struct run_findings *findings)
{
    /* Calls of facts too many are refused ones: what they meant is not known. */
    findings->denied = findings->head->left_out;
    for (guint i = 0; i < findings->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(findings->facts, i);
        if (fact->class == FACT_PROBE) {
            findings->probes += fact->count;
            continue;
        }
        findings->denied += fact->count;
        findings->learned += fact->learned ? fact->count : 0;
    }
}

void run_findings_make(const struct advice_input *input, const struct facts_head *head, const bool *written,
                       struct run_findings *ret)
{
    *ret = (struct run_findings){.facts = input->facts, .head = head, .unused = g_ptr_array_new()};
    ret->list = advice_make(input);
    count(ret);
    for (size_t i = 0; written != NULL && i < input->n_routes; i++) {
        if (!written[i] && !input->routes[i].read_only)
            g_ptr_array_add(ret->unused, (gpointer)&input->routes[i]);
    }
}

void run_findings_clear(struct run_findings *findings)
{
    advice_list_free(findings->list);
    g_ptr_array_unref(findings->unused);
}

const struct advice *run_findings_advice(const struct run_findings *findings, const struct fact *fact)
{
    for (guint i = 0; i < findings->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(findings->list->advices, i);
        if (g_ptr_array_find(advice->facts, fact, NULL))
            return advice;
    }
    return NULL;
}

const char *run_findings_left(const struct run_findings *findings, const struct fact *fact)
{
    for (guint i = 0; i < findings->list->left->len; i++) {
        const struct advice_left *left = g_ptr_array_index(findings->list->left, i);
        if (left->fact == fact)
            return left->reason;
    }
    return NULL;
}

char *run_findings_element(const struct advice *advice, const char **ret_key)
{
    if (advice->kind != ADVICE_ENV)
        return advise_compose_value(advice, ret_key);
    g_autofree char *text = g_strconcat(advice->name, "=", advice->value, NULL);
    *ret_key = "environment";
    return advise_compose_escape(text);
}

static char *refusal(const struct fact *fact)
{
    static const char *const texts[DENIAL_N_WHYS] = {
        [DENIAL_DECLARED_READ_ONLY] = "is declared read-only",
        [DENIAL_NO_SPACE] = "is full",
        [DENIAL_DECLARED_NOEXEC] = "is noexec",
        [DENIAL_DECLARED_NOSUID] = "is nosuid",
    };
    if (fact->why == DENIAL_PERMISSION)
        return g_strdup_printf("owner and mode of %s refuse user %u",
                               fact->route_target != NULL ? fact->route_target : "the image", (unsigned)fact->uid);
    if (texts[fact->why] == NULL)
        return NULL;
    return g_strconcat(fact->route_target != NULL ? fact->route_target : "it", " ", texts[fact->why], NULL);
}

static const char *meaning(const struct fact *fact)
{
    static const char *const texts[FACT_N_BECAUSES] = {
        [FACT_WAITING] = "it still ran",
        [FACT_NOT_SEEN] = "not seen how it went on",
        [FACT_LEARNED] = "learn mode let it through",
        [FACT_ASKED] = "it only asked",
        [FACT_NOISE] = "always tried, never missed",
        [FACT_KNOWN] = "known of this program",
        [FACT_STEP_FAILED] = "what ran it went on",
        [FACT_ENDED_WELL] = "it ended well",
        [FACT_WENT_ON] = "it went on",
        [FACT_ENDED_EARLIER] = "it ended soon after",
    };
    return texts[fact->because] != NULL ? texts[fact->because] : fact->reason;
}

char *run_findings_remark(const struct fact *fact)
{
    g_autofree char *refused = refusal(fact);
    return g_strconcat(refused != NULL ? refused : "", refused != NULL ? "; " : "", fact_class_name(fact->class), ": ",
                       meaning(fact), NULL);
}
