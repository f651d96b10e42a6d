#include "fact_written.h"

#include "json_bytes.h"
#include "place.h"

#include <string.h>

#define PAGE UINT64_C(4096)
#define LEAST (UINT64_C(16) << 20)
/* No sum of what can be said overflows. */
#define MOST (UINT64_C(1) << 50)

static void clear_place(void *data)
{
    g_free(((struct fact_written_place *)data)->path);
}

struct fact_written *fact_written_new(void)
{
    struct fact_written *written = g_atomic_rc_box_new0(struct fact_written);
    written->places = g_array_new(FALSE, FALSE, sizeof(struct fact_written_place));
    g_array_set_clear_func(written->places, clear_place);
    return written;
}

struct fact_written *fact_written_ref(struct fact_written *written)
{
    return written != NULL ? g_atomic_rc_box_acquire(written) : NULL;
}

static void clear(void *data)
{
    g_array_unref(((struct fact_written *)data)->places);
}

void fact_written_unref(struct fact_written *written)
{
    if (written != NULL)
        g_atomic_rc_box_release_full(written, clear);
}

bool fact_written_add(struct fact_written *written, const char *path, uint64_t bytes, uint64_t files)
{
    GArray *places = written->places;
    struct fact_written_place *last =
        places->len > 0 ? &g_array_index(places, struct fact_written_place, places->len - 1) : NULL;
    if (last != NULL && strcmp(last->path, path) == 0) {
        last->bytes = MIN(MOST, last->bytes + MIN(MOST, bytes));
        last->files = MIN(MOST, last->files + MIN(MOST, files));
        return true;
    }
    if (places->len == FACT_WRITTEN_MOST)
        return false;
    const struct fact_written_place place = {g_strdup(path), MIN(MOST, bytes), MIN(MOST, files)};
    g_array_append_val(places, place);
    return true;
}

uint64_t fact_written_below(const struct fact_written *written, const char *directory)
{
    uint64_t sum = 0;
    for (guint i = 0; written != NULL && i < written->places->len; i++) {
        const struct fact_written_place *place = &g_array_index(written->places, struct fact_written_place, i);
        if (place_is_below(place->path, directory))
            sum = MIN(MOST, sum + place->bytes + MIN(MOST / PAGE, place->files) * PAGE);
    }
    return sum;
}

uint64_t fact_written_limit(uint64_t content, uint64_t written)
{
    uint64_t size = LEAST, wanted = MIN(content, MOST) + 4 * MIN(written, MOST);
    while (size < wanted)
        size *= 2;
    return size;
}

json_t *fact_written_to_json(const struct fact_written *written)
{
    json_t *json = json_object(), *list = json_array();
    for (guint i = 0; i < written->places->len; i++) {
        const struct fact_written_place *place = &g_array_index(written->places, struct fact_written_place, i);
        json_t *object = json_object();
        json_bytes_set(object, "path", place->path);
        json_object_set_new(object, "bytes", json_integer((json_int_t)place->bytes));
        json_object_set_new(object, "files", json_integer((json_int_t)place->files));
        json_array_append_new(list, object);
    }
    json_object_set_new(json, "gone", json_integer((json_int_t)MIN(written->gone, MOST)));
    json_object_set_new(json, "places", list);
    return json;
}

struct fact_written *fact_written_from_json(struct json_read *read, const json_t *document)
{
    const json_t *object = json_read_object(read, document, "written", JSON_READ_OPTIONAL);
    if (object == NULL)
        return NULL;
    struct fact_written *written = fact_written_new();
    written->gone = (uint64_t)json_read_integer(read, object, "gone", JSON_READ_REQUIRED, 0, INT64_MAX, 0);
    const json_t *places = json_read_array(read, object, "places", JSON_READ_REQUIRED, FACT_WRITTEN_MOST);
    for (size_t i = 0; i < json_array_size(places); i++) {
        const json_t *place = json_array_get(places, i);
        g_autofree char *path = json_read_path(read, place, "path", JSON_READ_REQUIRED);
        uint64_t bytes = (uint64_t)json_read_integer(read, place, "bytes", JSON_READ_REQUIRED, 0, INT64_MAX, 0);
        uint64_t files = (uint64_t)json_read_integer(read, place, "files", JSON_READ_REQUIRED, 0, INT64_MAX, 0);
        if (path != NULL)
            fact_written_add(written, path, bytes, files);
    }
    return written;
}
