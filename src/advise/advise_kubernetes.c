#include "advise_render.h"

#include "advise_comments.h"
#include "advise_image.h"
#include "advise_words.h"
#include "place.h"
#include "text.h"

#include <string.h>

/* An advice with the name of its volume. */
struct volume {
    const struct advice *advice;
    const char *name; /* owned by the list of names */
};

struct pod {
    const struct advise_output *output;
    GArray *volumes;  /* of struct volume */
    GPtrArray *names; /* owned strings */
};

/* RFC 1123: lower case letters, digits and "-", 63 of them at most. */
static char *label(const char *text)
{
    enum { MOST = 63 };
    GString *name = g_string_new(NULL);
    for (const char *c = text; *c != '\0' && name->len < MOST; c++) {
        bool is_word = g_ascii_isalnum(*c);
        if (is_word || name->len > 0)
            g_string_append_c(name, is_word ? g_ascii_tolower(*c) : '-');
    }
    while (name->len > 0 && name->str[name->len - 1] == '-')
        g_string_truncate(name, name->len - 1);
    if (name->len == 0)
        g_string_append(name, "data");
    return g_string_free(name, FALSE);
}

static void collect(struct pod *pod)
{
    g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < pod->output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(pod->output->list->advices, i);
        if (!advise_applies(pod->output, advice) || advice->spec.target == NULL)
            continue;
        const char *source = advice->kind == ADVICE_VOLUME ? advice->spec.source : NULL;
        char *name = label(source != NULL ? source : place_volume_name(advice->spec.target, taken));
        for (unsigned n = 2; g_ptr_array_find_with_equal_func(pod->names, name, g_str_equal, NULL); n++) {
            char *again = g_strdup_printf("%.58s-%u", name, n);
            g_free(name);
            name = again;
        }
        g_ptr_array_add(pod->names, name);
        const struct volume volume = {advice, name};
        g_array_append_val(pod->volumes, volume);
    }
}

static void comment_volume(GString *out, const struct volume *volume)
{
    const struct route_spec *spec = &volume->advice->spec;
    const char *target = spec->target;
    if (volume->advice->kind == ADVICE_TMPFS) {
        if (spec->has_mode || spec->has_uid)
            advise_comment(out,
                           "%s: an emptyDir has no mode and no owner; it is everybody's (0777), and fsGroup gives it a "
                           "group",
                           target);
        if (advise_needs_copy(volume->advice))
            advise_comment(out,
                           "%s: an emptyDir starts empty; the initContainer copies the image's content, for which the "
                           "image must have sh and cp",
                           target);
    } else if (volume->advice->kind == ADVICE_VOLUME && volume->advice->fills) {
        advise_comment(
            out,
            "%s: make the PersistentVolumeClaim %s; the initContainer copies the image's content into it while "
            "it is empty, for which the image must have sh, cp and ls",
            target, volume->name);
    } else if (volume->advice->kind == ADVICE_VOLUME) {
        advise_comment(out, "%s: make the PersistentVolumeClaim %s; it starts empty, whatever the image has there",
                       target, volume->name);
    } else {
        advise_comment(out, "%s: a hostPath, if the node has it", target);
    }
}

/* The group of the writers, where it is one. */
static bool find_group(const struct pod *pod, gid_t *ret)
{
    bool is_known = false;
    for (guint i = 0; i < pod->volumes->len; i++) {
        const GPtrArray *facts = g_array_index(pod->volumes, struct volume, i).advice->facts;
        for (guint j = 0; j < facts->len; j++) {
            const struct fact *fact = g_ptr_array_index(facts, j);
            if (fact->uid == 0 || fact->gid == (gid_t)-1 || fact->gid == 0)
                continue;
            if (is_known && *ret != fact->gid)
                return false;
            is_known = true;
            *ret = fact->gid;
        }
    }
    return is_known;
}

static void append_variables(GString *out, const struct pod *pod)
{
    bool has_title = false;
    for (guint i = 0; i < pod->output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(pod->output->list->advices, i);
        if (advice->kind != ADVICE_ENV || !advise_applies(pod->output, advice))
            continue;
        if (!has_title)
            g_string_append(out, "      env:\n");
        has_title = true;
        g_autofree char *name = advise_yaml(advice->name), *value = advise_yaml(advice->value);
        g_string_append_printf(out, "        - name: %s\n          value: %s\n", name, value);
    }
}

static void append_container(GString *out, const struct pod *pod)
{
    g_autofree char *name = label(pod->output->service);
    g_autofree char *scalar = advise_yaml(name), *image = advise_yaml(advise_image_word(pod->output, ADVISE_DOCKER));
    g_string_append_printf(out,
                           "  containers:\n    - name: %s\n      image: %s\n      securityContext:\n"
                           "        readOnlyRootFilesystem: true\n",
                           scalar, image);
    append_variables(out, pod);
    if (pod->volumes->len > 0)
        g_string_append(out, "      volumeMounts:\n");
    for (guint i = 0; i < pod->volumes->len; i++) {
        const struct volume *volume = &g_array_index(pod->volumes, struct volume, i);
        g_autofree char *shown = advise_yaml(volume->name), *target = advise_yaml(volume->advice->spec.target);
        g_string_append_printf(out, "        - name: %s\n          mountPath: %s\n", shown, target);
        if (volume->advice->spec.read_only)
            g_string_append(out, "          readOnly: true\n");
    }
}

static bool is_filled(const struct volume *volume)
{
    return advise_needs_copy(volume->advice) || volume->advice->fills;
}

/* Where the initContainer sees a volume. */
static char *filled_at(const struct volume *volume)
{
    return g_strconcat("/filled/", volume->name, NULL);
}

/* What the user of the image cannot keep (owners, times) is root's to keep. */
static char *copy_command(const struct pod *pod)
{
    gid_t group;
    const char *options = find_group(pod, &group) ? "-RP" : "-a";
    GString *command = g_string_new(NULL);
    for (guint i = 0; i < pod->volumes->len; i++) {
        const struct volume *volume = &g_array_index(pod->volumes, struct volume, i);
        if (!is_filled(volume))
            continue;
        g_autofree char *source = g_strconcat(volume->advice->spec.target, "/.", NULL), *to = filled_at(volume);
        g_autofree char *from_word = text_shell(source), *to_word = text_shell(to);
        g_autofree char *copy = g_strdup_printf("cp %s %s %s/", options, from_word, to_word);
        /* What the program has written there before stays, and where nobody can tell nothing is copied: without ls all fails.
         * A new disk has a directory of its own making. "$(" would be Kubernetes' before it is the shell's. */
        g_autofree char *once =
            g_strdup_printf("n=`ls -A %s` && case \"$n\" in ''|lost+found) %s ;; esac", to_word, copy);
        g_string_append_printf(command, "%s%s", command->len > 0 ? " && " : "", volume->advice->fills ? once : copy);
    }
    return g_string_free(command, FALSE);
}

static void append_init_container(GString *out, const struct pod *pod)
{
    g_autofree char *command = copy_command(pod);
    if (*command == '\0')
        return;
    g_autofree char *image = advise_yaml(advise_image_word(pod->output, ADVISE_DOCKER));
    g_autofree char *quoted = advise_yaml_quoted(command);
    g_string_append_printf(out,
                           "  initContainers:\n    - name: fill\n      image: %s\n      command: [sh, -c, %s]\n"
                           "      securityContext:\n        readOnlyRootFilesystem: true\n      volumeMounts:\n",
                           image, quoted);
    for (guint i = 0; i < pod->volumes->len; i++) {
        const struct volume *volume = &g_array_index(pod->volumes, struct volume, i);
        if (!is_filled(volume))
            continue;
        g_autofree char *place = filled_at(volume);
        g_autofree char *name = advise_yaml(volume->name), *scalar = advise_yaml(place);
        g_string_append_printf(out, "        - name: %s\n          mountPath: %s\n", name, scalar);
    }
}

static char *quantity(uint64_t bytes)
{
    uint64_t mib = bytes >> 20;
    return (mib << 20) == bytes ? g_strdup_printf("%" G_GUINT64_FORMAT "Mi", mib)
                                : g_strdup_printf("%" G_GUINT64_FORMAT, bytes);
}

static void append_volume(GString *out, const struct volume *volume)
{
    const struct route_spec *spec = &volume->advice->spec;
    g_autofree char *name = advise_yaml(volume->name);
    g_string_append_printf(out, "    - name: %s\n", name);
    if (volume->advice->kind == ADVICE_TMPFS) {
        g_string_append(out, "      emptyDir:\n        medium: Memory\n");
        g_autofree char *size = spec->size != 0 ? quantity(spec->size) : NULL;
        if (size != NULL)
            g_string_append_printf(out, "        sizeLimit: %s\n", size);
    } else if (volume->advice->kind == ADVICE_VOLUME) {
        g_string_append_printf(out, "      persistentVolumeClaim:\n        claimName: %s\n", name);
    } else {
        g_autofree char *source = advise_yaml(spec->source);
        g_string_append_printf(out, "      hostPath:\n        path: %s\n", source);
    }
}

char *advise_kubernetes(const struct advise_output *output)
{
    GString *out = g_string_new(NULL);
    struct pod pod = {.output = output};
    gid_t group;
    pod.volumes = g_array_new(FALSE, FALSE, sizeof(struct volume));
    pod.names = g_ptr_array_new_with_free_func(g_free);
    collect(&pod);
    advise_comment_head(out, output,
                        "For the pod's specification (spec: of a Pod, spec.template.spec: of a Deployment). An "
                        "emptyDir has no noexec.");
    for (guint i = 0; i < pod.volumes->len; i++)
        comment_volume(out, &g_array_index(pod.volumes, struct volume, i));
    advise_image_comment(out, output, ADVISE_DOCKER);
    g_string_append(out, "spec:\n");
    if (find_group(&pod, &group))
        g_string_append_printf(out, "  securityContext:\n    fsGroup: %u\n", (unsigned)group);
    append_init_container(out, &pod);
    append_container(out, &pod);
    if (pod.volumes->len > 0)
        g_string_append(out, "  volumes:\n");
    for (guint i = 0; i < pod.volumes->len; i++)
        append_volume(out, &g_array_index(pod.volumes, struct volume, i));
    advise_comment_rest(out, output);
    g_array_unref(pod.volumes);
    g_ptr_array_unref(pod.names);
    return g_string_free(out, FALSE);
}
