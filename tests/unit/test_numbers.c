#include "numbers.h"

#include <glib.h>

static void unique(void)
{
    struct numbers *numbers = numbers_new();
    uint32_t one = numbers_space(numbers, NUMBERS_FILES, 5);
    uint32_t two = numbers_space(numbers, NUMBERS_FILES, 6);
    uint32_t directories = numbers_space(numbers, NUMBERS_LAYER, 5);
    g_assert_cmpuint(one, !=, two);
    g_assert_cmpuint(one, !=, directories);
    g_assert_cmpuint(numbers_space(numbers, NUMBERS_FILES, 5), ==, one);
    g_assert_cmpuint(numbers_shown(numbers, one, 12), !=, numbers_shown(numbers, two, 12));
    g_assert_cmpuint(numbers_shown(numbers, one, 12), ==, numbers_shown(numbers, one, 12));
    g_assert_cmpuint(numbers_shown(numbers, one, 12), !=, 0);
    numbers_free(numbers);
}

/* Numbers that use the high bits themselves, as overlayfs with xino and some network file systems give them. */
static void large(void)
{
    struct numbers *numbers = numbers_new();
    uint32_t one = numbers_space(numbers, NUMBERS_FILES, 5), two = numbers_space(numbers, NUMBERS_FILES, 6);
    uint64_t high = UINT64_C(0x8000000000000012);
    uint64_t first = numbers_shown(numbers, one, high), second = numbers_shown(numbers, two, high);
    uint64_t third = numbers_shown(numbers, one, high + 1);
    g_assert_cmpuint(first, !=, second);
    g_assert_cmpuint(first, !=, third);
    g_assert_cmpuint(numbers_shown(numbers, one, high), ==, first);
    g_assert_cmpuint(first, !=, numbers_shown(numbers, one, 0x12));
    numbers_free(numbers);
}

/* An overlayfs over the mount tells its layers apart by the two uppermost bits. */
static void high_bits_are_free(void)
{
    struct numbers *numbers = numbers_new();
    const uint64_t high = UINT64_C(3) << 62;
    for (dev_t dev = 1; dev < 17000; dev += 17)
        g_assert_cmpuint(
            numbers_shown(numbers, numbers_space(numbers, NUMBERS_FILES, dev), (UINT64_C(1) << 48) - 1) & high, ==, 0);
    g_assert_cmpuint(numbers_shown(numbers, 1, UINT64_MAX) & high, ==, 0);
    g_assert_cmpuint(numbers_shown(numbers, 0x3fff, 1) & high, ==, 0);
    g_assert_cmpuint(numbers_shown(numbers, 0x4001, 1), !=, numbers_shown(numbers, 1, 1));
    numbers_free(numbers);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/numbers/unique", unique);
    g_test_add_func("/numbers/large", large);
    g_test_add_func("/numbers/high-bits-are-free", high_bits_are_free);
    return g_test_run();
}
