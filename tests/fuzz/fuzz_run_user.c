/* A user's words, passwd(5) and group(5): what stands before the first '\0', before the second, and the rest. */
#include "run_user.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    g_autofree char *input = g_malloc0(size + 3); /* so that there are three parts, whatever it is */
    memcpy(input, data, size);
    const char *passwd = input + strlen(input) + 1;
    const char *group = passwd < input + size ? passwd + strlen(passwd) + 1 : input + size;
    struct run_user user;
    if (run_user_find_in(passwd <= input + size ? passwd : "", group <= input + size ? group : "", input, &user, NULL))
        g_assert(user.home != NULL && user.n_groups >= 1);
    run_user_clear(&user);
    return 0;
}
