/* What tables of wrong inputs are checked with. */
#ifndef ROFUSE_TESTS_EXPECT_PREFIX_H
#define ROFUSE_TESTS_EXPECT_PREFIX_H

#include <glib.h>

/* Says which line is wrong, and goes on with the others. */
static inline void expect_prefix(const char *line, const char *prefix)
{
    if (g_str_has_prefix(line, prefix))
        return;
    g_test_message("%s\nis not\n%s", line, prefix);
    g_test_fail();
}

#endif
