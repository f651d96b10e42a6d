#include "app_error.h"
#include "mount_csv.h"
#include "mount_options.h"
#include "quantity.h"

#include <glib.h>
#include <string.h>

typedef gboolean (*add_function)(struct mount_options *options, const char *option, const char *value, GError **error);

static add_function function_of(const char *option)
{
    if (strcmp(option, "--tmpfs") == 0)
        return mount_options_add_tmpfs;
    return strcmp(option, "--mount") == 0 ? mount_options_add_mount : mount_options_add_volume;
}

/* A route in one line, every field that is set. */
static char *describe(const struct route_spec *spec)
{
    GString *text = g_string_new(route_kind_name(spec->kind));
    g_string_append_printf(text, " %s", spec->target);
    if (spec->source != NULL)
        g_string_append_printf(text, " from=%s", spec->source);
    if (spec->subpath != NULL)
        g_string_append_printf(text, " subpath=%s", spec->subpath);
    const struct {
        bool is_set;
        const char *word;
    } flags[] = {
        {spec->read_only, "ro"},         {spec->noexec, "noexec"}, {spec->nosuid, "nosuid"},
        {spec->nodev, "nodev"},          {spec->nocopy, "nocopy"}, {spec->tmpcopyup, "copy"},
        {spec->create_source, "create"}, {spec->native, "native"}, {spec->has_native && !spec->native, "nonative"}};
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (flags[i].is_set)
            g_string_append_printf(text, " %s", flags[i].word);
    }
    if (spec->size > 0)
        g_string_append_printf(text, " size=%" G_GUINT64_FORMAT, spec->size);
    if (spec->size_percent > 0)
        g_string_append_printf(text, " percent=%u", spec->size_percent);
    if (spec->nr_inodes > 0)
        g_string_append_printf(text, " inodes=%" G_GUINT64_FORMAT, spec->nr_inodes);
    if (spec->has_mode)
        g_string_append_printf(text, " mode=%o", spec->mode);
    if (spec->has_uid)
        g_string_append_printf(text, " uid=%u", spec->uid);
    if (spec->has_gid)
        g_string_append_printf(text, " gid=%u", spec->gid);
    return g_string_free(text, FALSE);
}

#define TMPFS_DEFAULT " noexec nosuid nodev"

static const struct {
    const char *option, *value, *meaning;
} good[] = {
    {"--tmpfs", "/tmp", "tmpfs /tmp" TMPFS_DEFAULT},
    {"--tmpfs", "/run//x/./y/../", "tmpfs /run/x" TMPFS_DEFAULT},
    {"--tmpfs", "/../../tmp", "tmpfs /tmp" TMPFS_DEFAULT},
    {"--tmpfs", "/tmp:exec,suid,dev", "tmpfs /tmp"},
    {"--tmpfs", "/tmp:rw,noexec,nosuid,nodev,ro", NULL},
    {"--tmpfs", "/tmp:ro", "tmpfs /tmp ro" TMPFS_DEFAULT},
    {"--tmpfs", "/tmp:ro,ro", "tmpfs /tmp ro" TMPFS_DEFAULT},
    {"--tmpfs", "/tmp:size=65536", "tmpfs /tmp" TMPFS_DEFAULT " size=65536"},
    {"--tmpfs", "/tmp:size=64b", "tmpfs /tmp" TMPFS_DEFAULT " size=64"},
    {"--tmpfs", "/tmp:size=64k", "tmpfs /tmp" TMPFS_DEFAULT " size=65536"},
    {"--tmpfs", "/tmp:size=2M", "tmpfs /tmp" TMPFS_DEFAULT " size=2097152"},
    {"--tmpfs", "/tmp:size=1GiB", "tmpfs /tmp" TMPFS_DEFAULT " size=1073741824"},
    {"--tmpfs", "/tmp:size=1gb", "tmpfs /tmp" TMPFS_DEFAULT " size=1073741824"},
    {"--tmpfs", "/tmp:size=50%", "tmpfs /tmp" TMPFS_DEFAULT " percent=50"},
    {"--tmpfs", "/tmp:size=0", "tmpfs /tmp" TMPFS_DEFAULT},
    {"--tmpfs", "/tmp:mode=0755,uid=1000,gid=4294967294,nr_inodes=1k",
     "tmpfs /tmp" TMPFS_DEFAULT " inodes=1024 mode=755 uid=1000 gid=4294967294"},
    {"--tmpfs", "/tmp:mode=1777,nr_blocks=0,mpol=interleave,relatime,noatime,async",
     "tmpfs /tmp" TMPFS_DEFAULT " mode=1777"},
    {"--tmpfs", "/tmp:tmpcopyup", "tmpfs /tmp" TMPFS_DEFAULT " copy"},
    {"--tmpfs", "/tmp:native", "tmpfs /tmp" TMPFS_DEFAULT " native"},
    {"--tmpfs", "/tmp:size=1k,nonative", "tmpfs /tmp" TMPFS_DEFAULT " nonative size=1024"},
    {"--tmpfs", "/t\xff mp", "tmpfs /t\xff mp" TMPFS_DEFAULT},
    {"-v", "/data", "volume /data"},
    {"-v", "/data:ro", "volume /data ro"},
    {"-v", "/data:ro,nocopy", "volume /data ro nocopy"},
    {"-v", "/data:native", "volume /data native"},
    {"-v", "native:/data:ro,native", "volume /data from=native ro native"},
    {"-v", "/srv:/data:nonative", "bind /data from=/srv create nonative"},
    {"-v", "data:/data", "volume /data from=data"},
    {"-v", "d:/data:rw", "volume /data from=d"},
    {"--volume", "my_data.1-x:/data:nocopy,z,Z,rprivate,cached", "volume /data from=my_data.1-x nocopy"},
    {"-v", "/srv/data:/data", "bind /data from=/srv/data create"},
    {"-v", "/srv/data:/data:ro,z", "bind /data from=/srv/data ro create"},
    {"-v", "/srv:/data:/", NULL},
    {"-v", "./conf:/etc/app", "bind /etc/app from=/here/conf create"},
    {"-v", ".//./conf/./x:/etc/app", "bind /etc/app from=/here/conf/./x create"},
    {"-v", ".:/here", "bind /here from=/here create"},
    {"-v", "./:/here", "bind /here from=/here create"},
    {"-v", ".conf:/etc/app", "bind /etc/app from=/here/.conf create"},
    {"-v", "..:/up", "bind /up from=/here/.. create"},
    {"-v", "~/conf:/etc/app", "bind /etc/app from=/home/me/conf create"},
    {"-v", "~:/home", "bind /home from=/home/me create"},
    {"--mount", "target=/data", "volume /data"},
    {"--mount", "type=volume,source=data,target=/data", "volume /data from=data"},
    {"--mount", "TYPE=Volume,SRC=data,Dst=/data,ReadOnly", "volume /data from=data ro"},
    {"--mount", "type=volume,src=data,destination=/data,ro=false,volume-nocopy=true,volume-subpath=a//b/.",
     "volume /data from=data subpath=a/b nocopy"},
    {"--mount", "target=/data,Native", "volume /data native"},
    {"--mount", "type=tmpfs,dst=/tmp,native=true", "tmpfs /tmp" TMPFS_DEFAULT " native"},
    {"--mount", "type=bind,src=/srv,dst=/srv,native=false", "bind /srv from=/srv nonative"},
    {"--mount", "type=bind,src=/srv,dst=/srv,readonly=1,bind-propagation=rslave,consistency=cached",
     "bind /srv from=/srv ro"},
    {"--mount", "type=bind,src=./x,dst=/x,bind-create-src", "bind /x from=/here/x create"},
    {"--mount", "type=tmpfs,dst=/tmp,tmpfs-size=64m,tmpfs-mode=700",
     "tmpfs /tmp" TMPFS_DEFAULT " size=67108864 mode=700"},
    {"--mount", "type=bind,\"source=/a,b\",target=/x", "bind /x from=/a,b"},
    {"--mount", "type=bind,\"source=/say \"\"hi\"\"\",target=/x", "bind /x from=/say \"hi\""},
    {"--mount", "type=bind,source=/a=b,target=/x=y", "bind /x=y from=/a=b"},
};

/* What the line must name: the wrong thing, and a word of the mend. */
static const struct {
    const char *option, *value, *thing, *mend;
} bad[] = {
    {"--tmpfs", "", "target is empty", "absolute path"},
    {"--tmpfs", "tmp", "target tmp is not absolute", "slash"},
    {"--tmpfs", "/", "root itself", "directory below"},
    {"--tmpfs", "/a/..", "root itself", "directory below"},
    {"--tmpfs", "/tmp:", "no options follow", "remove"},
    {"--tmpfs", "/tmp:,ro", "option is empty", "remove the comma"},
    {"--tmpfs", "/tmp:ro,", "option is empty", "remove the comma"},
    {"--tmpfs", "/tmp:read-only", "unknown option \"read-only\"", "ro"},
    {"--tmpfs", "/tmp:siez=1m", "unknown option \"siez=1m\"", "size="},
    {"--tmpfs", "/tmp:size", "size has no value", "size=VALUE"},
    {"--tmpfs", "/tmp:size=", "size: \"\" is not a size", "64m"},
    {"--tmpfs", "/tmp:size=12x", "size: \"12x\" is not a size", "64m"},
    {"--tmpfs", "/tmp:size=-1", "size: \"-1\"", "64m"},
    {"--tmpfs", "/tmp:size=1.5g", "size: \"1.5g\"", "64m"},
    {"--tmpfs", "/tmp:size=1kk", "size: \"1kk\"", "64m"},
    {"--tmpfs", "/tmp:size= 1k", "size: \" 1k\"", "64m"},
    {"--tmpfs", "/tmp:size=0%", "size: \"0%\"", "per cent"},
    {"--tmpfs", "/tmp:size=101%", "size: \"101%\"", "per cent"},
    {"--tmpfs", "/tmp:size=99999999999999999999", "size: \"99999999999999999999\"", "64m"},
    {"--tmpfs", "/tmp:size=9007199254740992k", "size: \"9007199254740992k\"", "64m"},
    {"--tmpfs", "/tmp:mode=999", "mode: \"999\"", "1777"},
    {"--tmpfs", "/tmp:mode=", "mode: \"\"", "1777"},
    {"--tmpfs", "/tmp:mode=17777", "mode: \"17777\"", "1777"},
    {"--tmpfs", "/tmp:mode=u+rwx", "mode: \"u+rwx\"", "1777"},
    {"--tmpfs", "/tmp:uid=root", "uid: \"root\"", "as names are not known here"},
    {"--tmpfs", "/tmp:gid=4294967295", "gid: \"4294967295\"", "from 0 to 4294967294"},
    {"--tmpfs", "/tmp:nr_inodes=1t", "nr_inodes: \"1t\"", "write a number"},
    {"--tmpfs", "/tmp:nr_blocks=-", "nr_blocks: \"-\"", "write a number"},
    {"--tmpfs", "/tmp:ro,rw", "ro and rw contradict", "one of them"},
    {"--tmpfs", "/tmp:noexec,exec", "noexec and exec contradict", "one of them"},
    {"--tmpfs", "/tmp:size=1m,size=2m", "size=1m and size=2m contradict", "one of them"},
    {"--tmpfs", "/tmp:size=1m,nr_blocks=4", "size=1m and nr_blocks=4 contradict", "one of them"},
    {"--tmpfs", "/tmp:shared", "unknown option \"shared\"", "takes"},
    {"--tmpfs", "/tmp:a\nb", "unknown option \"a\\x0ab\"", "takes"},
    {"--tmpfs", "/tmp:native,nonative", "native and nonative contradict", "one of them"},
    {"--tmpfs", "/tmp:native=true", "unknown option \"native=true\"", "native"},
    {"-v", "", "nothing is declared", "[SRC:]DST[:OPTS]"},
    {"-v", ":/data", "piece between colons is empty", "[SRC:]DST[:OPTS]"},
    {"-v", "data:", "piece between colons is empty", "[SRC:]DST[:OPTS]"},
    {"-v", "data::ro", "piece between colons is empty", "[SRC:]DST[:OPTS]"},
    {"-v", "a:/b:ro:rw", "3 colons", "[SRC:]DST[:OPTS]"},
    {"-v", "data", "target data is not absolute", "slash"},
    {"-v", "data:data", "target data is not absolute", "slash"},
    {"-v", "data:/", "root itself", "directory below"},
    {"-v", "/data:readonly", "readonly is neither", "DST:ro"},
    {"-v", "-data:/data", "-data is not a volume's name", "letter or digit"},
    {"-v", "da/ta:/data", "da/ta is not a volume's name", "./"},
    {"-v", "data:/data:exec", "unknown option \"exec\"", "ro, rw, nocopy and native"},
    {"-v", "data:/data:ro,rw", "ro and rw contradict", "one of them"},
    {"-v", "data:/data:ro,", "option is empty", "comma"},
    {"-v", "data:/data:nonative,native", "nonative and native contradict", "one of them"},
    {"-v", "/srv:/data:nocopy", "nocopy is for volumes", "remove nocopy"},
    {"-v", "~you/x:/data", "~you/x names another user's home", "absolute path"},
    {"--mount", "", "KEY=VALUE is empty", "comma"},
    {"--mount", "target=/x,", "KEY=VALUE is empty", "comma"},
    {"--mount", "type=volume", "no target", "target=/PATH"},
    {"--mount", "type=image,source=x,target=/x", "type=image is not supported", "volume, bind and tmpfs"},
    {"--mount", "type=npipe,source=x,target=/x", "type=npipe is not supported", "volume, bind and tmpfs"},
    {"--mount", "type=cluster,source=x,target=/x", "type=cluster is not supported", "volume, bind and tmpfs"},
    {"--mount", "type=nfs,target=/x", "type: \"nfs\" is unknown", "volume, bind or tmpfs"},
    {"--mount", "typ=bind,target=/x", "unknown key \"typ\"", "type"},
    {"--mount", "volume-driver=local,target=/x", "unknown key \"volume-driver\"", "known are"},
    {"--mount", "target", "target has no value", "target=VALUE"},
    {"--mount", "target=", "target has an empty value", "target=VALUE"},
    {"--mount", "source=,target=/x", "source has an empty value", "leave it out"},
    {"--mount", "target=x", "target x is not absolute", "slash"},
    {"--mount", "target=/x,dst=/y", "dst is given twice", "keep one"},
    {"--mount", "target=/x,ro,readonly", "readonly is given twice", "keep one"},
    {"--mount", "target=/x,readonly=yes", "readonly: \"yes\"", "true or false"},
    {"--mount", "target=/x,native,native=false", "native is given twice", "keep one"},
    {"--mount", "target=/x,native=yes", "native: \"yes\"", "true or false"},
    {"--mount", "type=bind,target=/x", "needs the host's path", "source="},
    {"--mount", "type=bind,source=srv,target=/x", "source srv is not a host path", "./srv"},
    {"--mount", "type=volume,source=/srv,target=/x", "/srv is not a volume's name", "letters"},
    {"--mount", "type=tmpfs,source=x,target=/x", "a tmpfs has no source", "remove source"},
    {"--mount", "type=bind,source=/s,target=/x,tmpfs-size=1m", "tmpfs-size is for type=tmpfs", "change the type"},
    {"--mount", "type=tmpfs,target=/x,volume-nocopy", "volume-nocopy is for type=volume", "remove the key"},
    {"--mount", "type=tmpfs,target=/x,tmpfs-size=x", "tmpfs-size: \"x\"", "64m"},
    {"--mount", "type=tmpfs,target=/x,tmpfs-mode=9", "tmpfs-mode: \"9\"", "1777"},
    {"--mount", "target=/x,volume-subpath=/a", "/a is absolute", "relative"},
    {"--mount", "target=/x,volume-subpath=a/../..", "would leave the volume", "without"},
    {"--mount", "target=/x,volume-subpath=.", "the volume itself", "leave the key out"},
    {"--mount", "\"target=/x", "double quote is never closed", "close it"},
    {"--mount", "\"target=/x\"y", "text follows a closing double quote", "quote the whole"},
    {"--mount", "target=/x\"y\"", "double quote stands inside", "quote the whole"},
};

static void test_good(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        struct mount_options *options = mount_options_new("/here", "/home/me");
        GError *error = NULL;
        size_t n;
        gboolean done = function_of(good[i].option)(options, good[i].option, good[i].value, &error);
        const struct route_spec *specs = mount_options_routes(options, &n);
        if (good[i].meaning == NULL) { /* looks like one, but is not */
            g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
            g_clear_error(&error);
            g_assert_cmpuint(n, ==, 0);
        } else {
            g_assert_no_error(error);
            g_assert_true(done);
            g_assert_cmpuint(n, ==, 1);
            g_autofree char *text = describe(&specs[0]);
            g_assert_cmpstr(text, ==, good[i].meaning);
        }
        mount_options_free(options);
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct mount_options *options = mount_options_new("/here", "/home/me");
        GError *error = NULL;
        size_t n;
        g_test_message("%s %s", bad[i].option, bad[i].value);
        g_assert_false(function_of(bad[i].option)(options, bad[i].option, bad[i].value, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
        g_test_message("%s", error->message);
        g_assert_true(g_str_has_prefix(error->message, bad[i].option));
        g_assert_null(strchr(error->message, '\n'));
        g_assert_nonnull(strstr(error->message, bad[i].thing));
        g_assert_nonnull(strstr(error->message, bad[i].mend));
        mount_options_routes(options, &n);
        g_assert_cmpuint(n, ==, 0);
        g_clear_error(&error);
        mount_options_free(options);
    }
}

/* The same place by another spelling and another option; the first stays. */
static void test_twice(void)
{
    struct mount_options *options = mount_options_new("/here", NULL);
    GError *error = NULL;
    size_t n;
    g_assert_true(mount_options_add_volume(options, "-v", "data:/data", &error));
    g_assert_true(mount_options_add_tmpfs(options, "--tmpfs", "/data/cache", &error));
    g_assert_false(mount_options_add_tmpfs(options, "--tmpfs", "/data//x/..:ro", &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
    g_assert_cmpstr(error->message, ==,
                    "--tmpfs /data//x/..:ro: the target /data is declared already by -v data:/data; keep one of them");
    g_clear_error(&error);
    const struct route_spec *specs = mount_options_routes(options, &n);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpstr(specs[0].target, ==, "/data");
    g_assert_cmpint(specs[0].kind, ==, ROUTE_VOLUME);
    g_assert_cmpstr(specs[1].target, ==, "/data/cache");
    mount_options_free(options);
}

/* --routes native: those that say nothing become native. */
static void test_set_native(void)
{
    struct mount_options *options = mount_options_new("/here", NULL);
    g_assert_true(mount_options_add_tmpfs(options, "--tmpfs", "/a", NULL));
    g_assert_true(mount_options_add_tmpfs(options, "--tmpfs", "/b:nonative", NULL));
    g_assert_true(mount_options_add_volume(options, "-v", "/c:native", NULL));
    g_assert_true(mount_options_add_mount(options, "--mount", "target=/d,native=false", NULL));
    mount_options_set_native(options);
    size_t n;
    const struct route_spec *specs = mount_options_routes(options, &n);
    g_assert_cmpuint(n, ==, 4);
    g_assert_true(specs[0].native && specs[2].native);
    g_assert_false(specs[1].native || specs[3].native);
    mount_options_free(options);
}

/* What was read elsewhere, in another directory. */
static void test_read_and_add(void)
{
    struct mount_options *options = mount_options_new("/here", "/home/me");
    struct route_spec spec = {0};
    GError *error = NULL;
    size_t n;
    g_assert_true(mount_options_read_volume(options, "-v", "./x:/x:ro", "/there", &spec, &error));
    g_autofree char *text = describe(&spec);
    g_assert_cmpstr(text, ==, "bind /x from=/there/x ro create");
    mount_options_routes(options, &n);
    g_assert_cmpuint(n, ==, 0);
    g_assert_true(mount_options_add_spec(options, "file:1:2:", "x", &spec, &error));
    g_assert_null(spec.target);
    g_assert_cmpstr(mount_options_routes(options, &n)[0].source, ==, "/there/x");

    g_assert_true(mount_options_read_volume(options, "-v", "/x", "/there", &spec, &error));
    g_assert_false(mount_options_add_spec(options, "-v", "/x", &spec, &error));
    g_assert_cmpstr(error->message, ==, "-v /x: the target /x is declared already by file:1:2: x; keep one of them");
    g_assert_cmpstr(spec.target, ==, "/x");
    route_spec_clear(&spec);
    g_clear_error(&error);
    g_assert_false(mount_options_read_volume(options, "-v", "x:x", "/there", &spec, &error));
    g_assert_null(spec.target);
    g_clear_error(&error);
    g_assert_cmpstr(mount_options_home(options), ==, "/home/me");
    mount_options_free(options);
}

static void test_override(void)
{
    struct mount_options *options = mount_options_new("/here", NULL), *by = mount_options_new("/there", NULL);
    GError *error = NULL;
    size_t n;
    g_assert_true(mount_options_add_tmpfs(options, "--tmpfs", "/a", NULL));
    g_assert_true(mount_options_add_tmpfs(options, "--tmpfs", "/b", NULL));
    g_assert_true(mount_options_add_volume(by, "-v", "d:/a", NULL));
    g_assert_true(mount_options_add_volume(by, "-v", "/c", NULL));
    mount_options_override(options, by);
    mount_options_free(by);
    const struct route_spec *specs = mount_options_routes(options, &n);
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        g_autofree char *one = describe(&specs[i]);
        g_string_append_printf(text, "%s, ", one);
    }
    g_assert_cmpstr(text->str, ==, "tmpfs /b" TMPFS_DEFAULT ", volume /a from=d, volume /c, ");
    g_assert_false(mount_options_add_tmpfs(options, "--tmpfs", "/a", &error));
    g_assert_nonnull(strstr(error->message, "declared already by -v d:/a"));
    g_clear_error(&error);
    mount_options_free(options);
}

static void test_no_home(void)
{
    struct mount_options *options = mount_options_new("/here", NULL);
    GError *error = NULL;
    g_assert_false(mount_options_add_volume(options, "-v", "~/x:/x", &error));
    g_assert_nonnull(strstr(error->message, "HOME is not set"));
    g_clear_error(&error);
    mount_options_free(options);
}

static void test_long_target(void)
{
    struct mount_options *options = mount_options_new("/here", NULL);
    GError *error = NULL;
    g_autofree char *name = g_strnfill(5000, 'x');
    name[0] = '/';
    g_assert_false(mount_options_add_tmpfs(options, "--tmpfs", name, &error));
    g_assert_nonnull(strstr(error->message, "longer than 4095 bytes"));
    g_clear_error(&error);
    mount_options_free(options);
}

static void test_csv(void)
{
    const char *message = NULL;
    char **fields = mount_csv_split("a,\"b,c\",\"d\"\"e\",,f", &message);
    const char *const wanted[] = {"a", "b,c", "d\"e", "", "f", NULL};
    g_assert_cmpstrv(fields, wanted);
    g_strfreev(fields);
}

static void test_numbers(void)
{
    uint64_t bytes = 7;
    unsigned percent = 7;
    mode_t mode = 7;
    uint32_t id = 7;
    bool yes = false;
    g_assert_true(quantity_size("8796093022207m", &bytes, &percent));
    g_assert_cmpuint(bytes, ==, UINT64_C(8796093022207) << 20);
    g_assert_false(quantity_size("8796093022208m", &bytes, &percent));
    g_assert_cmpuint(bytes, ==, UINT64_C(8796093022207) << 20); /* a wrong one changes nothing */
    g_assert_false(quantity_size("1ib", &bytes, &percent));
    g_assert_false(quantity_size("1kibb", &bytes, &percent));
    g_assert_false(quantity_size("1ki", &bytes, &percent));
    g_assert_true(quantity_mode("0000007777", &mode));
    g_assert_cmpuint(mode, ==, 07777);
    g_assert_false(quantity_id("+1", &id));
    g_assert_cmpuint(id, ==, 7);
    g_assert_true(quantity_bool("T", &yes) && yes);
    g_assert_false(quantity_bool("yes", &yes));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mount-options/good", test_good);
    g_test_add_func("/mount-options/bad", test_bad);
    g_test_add_func("/mount-options/twice", test_twice);
    g_test_add_func("/mount-options/set-native", test_set_native);
    g_test_add_func("/mount-options/read-and-add", test_read_and_add);
    g_test_add_func("/mount-options/override", test_override);
    g_test_add_func("/mount-options/no-home", test_no_home);
    g_test_add_func("/mount-options/long-target", test_long_target);
    g_test_add_func("/mount-options/csv", test_csv);
    g_test_add_func("/mount-options/numbers", test_numbers);
    return g_test_run();
}
