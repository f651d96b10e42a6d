#include "advise_image.h"

#include "advise_comments.h"

#include <string.h>

#define PLACEHOLDER "IMAGE"
#define MOST_NAME 1024

#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
#define HOST LABEL "(?:\\." LABEL ")*(?::[0-9]+)?"
#define PART "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
#define TAG "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"

bool advise_image_is_name(const char *text)
{
    static const char name[] = "^(?:" HOST "/)?" PART "(?:/" PART ")*(?::" TAG ")?(?:@sha256:[0-9a-f]{64})?\\z";
    static const char id[] = "^(?:sha256:[0-9a-f]+|[0-9a-f]{12}|[0-9a-f]{64})\\z";
    return strlen(text) <= MOST_NAME && g_utf8_validate(text, -1, NULL) && g_regex_match_simple(name, text, 0, 0) &&
           !g_regex_match_simple(id, text, 0, 0);
}

/* Places that podman run takes for an image (containers-transports(5)). */
static bool is_podmans(const char *image)
{
    static const char *const transports[] = {"oci:", "oci-archive:", "docker-archive:"};
    for (size_t i = 0; i < G_N_ELEMENTS(transports); i++) {
        if (g_str_has_prefix(image, transports[i]))
            return true;
    }
    return false;
}

static const char *find_word(const struct advise_output *output, enum advise_dialect dialect)
{
    if (dialect == ADVISE_ROFUSE)
        return output->image;
    if (output->image_name == NULL && dialect == ADVISE_PODMAN && output->image != NULL && is_podmans(output->image))
        return output->image;
    return output->image_name;
}

const char *advise_image_word(const struct advise_output *output, enum advise_dialect dialect)
{
    const char *word = find_word(output, dialect);
    return word != NULL ? word : PLACEHOLDER;
}

void advise_image_comment(GString *out, const struct advise_output *output, enum advise_dialect dialect)
{
    if (find_word(output, dialect) != NULL)
        return;
    if (dialect == ADVISE_ROFUSE)
        advise_comment(out,
                       PLACEHOLDER ": write what is to be started: oci:DIR:TAG, an archive, a directory or a name of "
                                   "rofuse image ls");
    else if (output->image != NULL)
        advise_comment(out, PLACEHOLDER ": write the name of the image in your registry; rofuse has it as %s",
                       output->image);
    else
        advise_comment(out, PLACEHOLDER ": write the name of the image in your registry");
}
