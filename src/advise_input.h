/*
 * advise_input - what rofuse advise works on: facts of a mount that is there, or of a log; what is declared; the image.
 */
#ifndef ROFUSE_SRC_ADVISE_INPUT_H
#define ROFUSE_SRC_ADVISE_INPUT_H

#include "fact_source.h"
#include "layers_image.h"
#include "mount_request.h"
#include "paths.h"
#include "plan.h"

#include <glib.h>

struct advise_input {
    struct fact_source *source; /* owned */
    const struct state *state;  /* of a live mount, or NULL; the source's */
    struct plan *plan;          /* of a Compose file, an image or layers that were named, or NULL; owned */
    struct layers_image image;  /* owned */
    struct advice_input input;  /* for advice_make(); points to the above */
    bool is_learning;           /* learn mode is on in a live mount: more may come */
};

/*
 * advise_input_new - finds out all of it.
 *
 * @request: the Compose files, image, layers and routes that were named; they count before the mount's.
 * @word: a mount point or name, NULL = the only mount. @log: a log to be read instead of asking a mount, "-" for stdin, or NULL.
 * What cannot be found out about the image is a notice. Owned by the caller, advise_input_free(). NULL with one line.
 */
struct advise_input *advise_input_new(const struct mount_request *request, const struct paths *paths, const char *word,
                                      const char *log, GError **error);
void advise_input_free(struct advise_input *input); /* NULL is allowed */

#endif
