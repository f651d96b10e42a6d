#include "app_error.h"
#include "compose.h"
#include "expect_prefix.h"

#include <string.h>

static void append_list(GString *text, const char *key, char *const *list)
{
    if (list == NULL)
        return;
    g_string_append_printf(text, " %s=", key);
    for (guint i = 0; list[i] != NULL; i++)
        g_string_append_printf(text, "<%s>", list[i]);
}

static void append_text(GString *text, const char *key, const char *value)
{
    if (value != NULL)
        g_string_append_printf(text, " %s=%s", key, value);
}

static void append_route(GString *text, const struct route_spec *spec)
{
    g_string_append_printf(text, " %s:%s", route_kind_name(spec->kind), spec->target);
    append_text(text, "from", spec->source);
    append_text(text, "subpath", spec->subpath);
    g_string_append(text, spec->read_only ? " ro" : "");
    g_string_append(text, spec->nocopy ? " nocopy" : "");
    g_string_append(text, spec->create_source ? " create" : "");
    g_string_append(text, spec->noexec && spec->nosuid && spec->nodev ? " safe" : "");
    if (spec->size > 0)
        g_string_append_printf(text, " size=%" G_GUINT64_FORMAT, (guint64)spec->size);
    if (spec->has_mode)
        g_string_append_printf(text, " mode=%o", spec->mode);
    if (spec->has_uid)
        g_string_append_printf(text, " uid=%u", spec->uid);
}

/* Everything that was said of a service, in one line. */
static char *describe(const struct compose_service *service)
{
    GString *text = g_string_new(service->name);
    size_t n = 0;
    const struct route_spec *routes = mount_options_routes(service->routes, &n);
    append_text(text, "image", service->image);
    append_text(text, "source", service->source);
    g_string_append(text, service->read_only ? " read_only" : "");
    for (size_t i = 0; i < n; i++)
        append_route(text, &routes[i]);
    append_list(text, "external", *service->external_volumes != NULL ? service->external_volumes : NULL);
    append_list(text, "entrypoint", service->entrypoint);
    append_list(text, "command", service->command);
    append_list(text, "environment", service->environment);
    append_text(text, "user", service->user);
    append_text(text, "working_dir", service->working_dir);
    append_text(text, "stop_signal", service->stop_signal);
    append_text(text, "hostname", service->hostname);
    g_string_append(text, service->init ? " init" : "");
    g_string_append(text, service->tty ? " tty" : "");
    g_string_append(text, service->stdin_open ? " stdin_open" : "");
    append_list(text, "warnings", *service->warnings != NULL ? service->warnings : NULL);
    return g_string_free(text, FALSE);
}

static struct compose_service *load(const char *text, const char *service, GError **error)
{
    char *environment[] = {"A=alpha", "YES=true", "EMPTY=", NULL};
    const struct compose_options options = {
        .service = service, .directory = "/srv/shop", .environment = environment, .home = "/home/me"};
    return compose_load_text(&options, text, strlen(text), error);
}

/* What stands below "services: {a: …}", and what follows the name in the description. */
static const struct {
    const char *service, *meaning;
} good[] = {
    {"{}", ""},
    {"{image: 'x:1', user: '1:2', working_dir: /w, stop_signal: SIGINT, hostname: h}",
     " image=x:1 user=1:2 working_dir=/w stop_signal=SIGINT hostname=h"},
    {"{image: , user: '', hostname: null}", ""},
    {"{read_only: true, init: yes, tty: 'true', stdin_open: $YES}", " read_only init tty stdin_open"},
    {"{read_only: false, init: null}", ""},
    {"{user: $A, image: 'i:${TAG:-1}'}", " image=i:1 user=alpha"},
    {"{user: '$NO'}", " warnings=<compose.yaml:2:13: the variable NO is not set, it counts as empty>"},
    {"{command: a 'b c', entrypoint: [d, 'e f']}", " entrypoint=<d><e f> command=<a><b c>"},
    {"{command: [], entrypoint: ''}", " entrypoint= command="},
    {"{command: , entrypoint: null}", ""},
    {"{command: echo $$A $A}", " command=<echo><$A><alpha>"},
    {"{environment: {B: 1, C: true, D: False, E: 1.50, F: '', G: x=y}}",
     " environment=<B=1><C=true><D=false><E=1.50><F=><G=x=y>"},
    {"{environment: {A: , NO: , EMPTY: null}}", " environment=<A=alpha><EMPTY=>"},
    {"{environment: [A, NO, B=1, C=, B=2]}", " environment=<A=alpha><C=><B=2>"},
    {"{environment: []}", " environment="},
    {"{environment: }", ""},
    {"{tmpfs: /tmp}", " tmpfs:/tmp safe"},
    {"{tmpfs: ['/run:mode=755,uid=1009', '/tmp:size=64m']}",
     " tmpfs:/run safe mode=755 uid=1009 tmpfs:/tmp safe size=67108864"},
    {"{tmpfs: }", ""},
    {"{volumes: ['/x', '/y:ro', 'd:/z', 'd:/w:ro,nocopy,z']}",
     " volume:/x volume:/y ro volume:/z from=shop_d volume:/w from=shop_d ro nocopy"},
    {"{volumes: ['/h:/a', './h:/b:ro', '~/h:/c', '..:/d']}",
     " bind:/a from=/h create bind:/b from=/srv/shop/h ro create bind:/c from=/home/me/h create bind:/d "
     "from=/srv/shop/.. create"},
    {"{volumes: ['ext:/a', 'old:/b', 'named:/c', 'key:/d']}",
     " volume:/a from=ext volume:/b from=older volume:/c from=real volume:/d from=over-there"
     " external=<ext><older><over-there>"},
    {"{volumes: [{type: volume, target: /x}, {type: volume, source: d, target: /y//./z, read_only: true,"
     " volume: {nocopy: true, subpath: a//b, labels: {x: y}}, consistency: cached}]}",
     " volume:/x volume:/y/z from=shop_d subpath=a/b ro nocopy"},
    {"{volumes: [{type: bind, source: ./h, target: /x}, {type: bind, source: h, target: /y,"
     " bind: {create_host_path: false, propagation: rslave, selinux: z}}, {type: bind, source: '~', target: /z}]}",
     " bind:/x from=/srv/shop/h create bind:/y from=/srv/shop/h bind:/z from=/home/me create"},
    {"{volumes: [{type: tmpfs, target: /x, tmpfs: {size: 1048576, mode: 0755}}, {type: tmpfs, target: /y,"
     " tmpfs: {size: 64m, mode: '1777'}}, {type: tmpfs, target: /z, read_only: true, tmpfs: {mode: 0o700}}]}",
     " tmpfs:/x safe size=1048576 mode=755 tmpfs:/y safe size=67108864 mode=1777 tmpfs:/z ro safe mode=700"},
    {"{volumes: [{type: tmpfs, target: /x, bind: }, !reset 'nonsense']}", " tmpfs:/x safe"},
    {"{volumes: ['dir:/x:nocopy', {type: volume, source: dir, target: /y}]}",
     " bind:/x from=/srv/shop/dir ro bind:/y from=/srv/shop/dir ro"},
    {"{x-rofuse: {image: 'oci:./i:t'}}", " source=oci:/srv/shop/i:t"},
    {"{x-rofuse: {image: 'docker-archive:/i.tar'}}", " source=docker-archive:/i.tar"},
    {"{x-rofuse: {image: ./root/fs}}", " source=/srv/shop/root/fs"},
    {"{x-rofuse: {image: ../fs}}", " source=/srv/shop/../fs"},
    {"{x-rofuse: {image: 'localhost/memo:1'}}", " source=localhost/memo:1"},
    {"{x-rofuse: {image: memo}}", " source=memo"},
    {"{x-rofuse: {image: ./}}", " source=/srv/shop/"},
    {"{ports: ['80:80', 81], depends_on: {b: {condition: service_healthy}}, deploy: {replicas: 2}, x-own: [1]}", ""},
    {"{healthcheck: {test: [CMD, x]}, networks: {n: {aliases: [q]}}, logging: {driver: none}, restart: 'no',"
     " build: {context: .}, labels: [a=b], profiles: [p], ulimits: {nofile: 1}, cap_add: [ALL]}",
     ""},
    {"{secrets: [s, {source: s, target: other, mode: 0400}, {source: s, target: /etc/s}], configs: [s2]}",
     " bind:/run/secrets/s from=/srv/shop/s.txt ro bind:/run/secrets/other from=/srv/shop/s.txt ro bind:/etc/s "
     "from=/srv/shop/s.txt ro bind:/s2 from=/c ro"},
    {"{secrets: [e]}",
     " warnings=<compose.yaml:2:17: services.a.secrets[0]: the secret e does not come from a file and is "
     "not provided>"},
    {"{extends: b, command: [q]}", " image=bi command=<q>"},
    {"{extends: {service: b}, image: i, volumes: ['e:/v']}", " image=i volume:/v from=shop_e command=<bc>"},
    {"{extends: c}", " image=bi volume:/v from=shop_d command=<bc> environment=<C=1>"},
    {"{extends: c, command: !reset null, environment: {D: 2}}",
     " image=bi volume:/v from=shop_d environment=<C=1><D=2>"},
};

#define AROUND_FIRST "services:\n  a: "
#define AROUND_LAST                                                                                                    \
    "\n  b: {image: bi, command: bc}\n  c: {extends: b, environment: {C: 1}, volumes: ['d:/v']}\n"                     \
    "volumes: {d: , e: {}, ext: {external: true}, old: {external: {name: older}}, named: {name: real},"                \
    " key: {external: yes, name: over-there}, nfs: {driver: nfs}, opts: {driver: local, driver_opts: {type: nfs}},"    \
    " wrong: {name: a/b}, dir: {driver_opts: {type: none, o: 'bind,ro', device: ./dir}}}\n"                            \
    "secrets: {s: {file: ./s.txt}, e: {environment: E}}\nconfigs: {s2: {file: /c}}\n"

/* From the column of the service on: "a: " ends in column 5, so the service begins in column 6. */
static const struct {
    const char *service, *line;
} bad[] = {
    {"", "compose.yaml:2:5: services.a: this is empty; write a mapping"},
    {"text", "compose.yaml:2:6: services.a: this is a text; write a mapping"},
    {"[]", "compose.yaml:2:6: services.a: this is a list; write a mapping"},
    {"{imgae: x}", "compose.yaml:2:7: services.a: unknown key imgae; did you mean image?"},
    {"{readonly: true}", "compose.yaml:2:7: services.a: unknown key readonly; did you mean read_only?"},
    {"{read-only: true}", "compose.yaml:2:7: services.a: unknown key read-only; did you mean read_only?"},
    {"{frobnicate: x}", "compose.yaml:2:7: services.a: unknown key frobnicate; remove it, or begin it with x-"},
    {"{user: 1000}", "compose.yaml:2:13: services.a.user: this is a number, not a text; put it in quotes: \"1000\""},
    {"{hostname: yes, image: true}", "compose.yaml:2:29: services.a.image: this is true or false, not a text; "},
    {"{image: [x]}", "compose.yaml:2:14: services.a.image: this is a list; write a text"},
    {"{read_only: maybe}", "compose.yaml:2:18: services.a.read_only: this is a text; write true or false"},
    {"{read_only: {}}", "compose.yaml:2:18: services.a.read_only: this is a mapping; write true or false"},
    {"{read_only: $A}", "compose.yaml:2:18: services.a.read_only: this is a text; write true or false"},
    {"{command: {a: b}}", "compose.yaml:2:16: services.a.command: this is a mapping; write a text or a list"},
    {"{command: [sleep, 10]}", "compose.yaml:2:24: services.a.command[1]: this is a number, not a text; put it in"},
    {"{command: \"a 'b\"}", "compose.yaml:2:16: services.a.command: a quote is never closed; "},
    {"{working_dir: w}", "compose.yaml:2:20: services.a.working_dir: w is not absolute; begin it with a slash"},
    {"{image: '${'}", "compose.yaml:2:14: ${: the brace is never closed; "},
    {"{image: '${NO:?no tag}'}", "compose.yaml:2:14: the variable NO is not set: no tag; "},
    {"{environment: x}", "compose.yaml:2:20: services.a.environment: this is a text; write a list or a mapping"},
    {"{environment: {B: [1]}}", "compose.yaml:2:24: services.a.environment.B: this is a list; write true or false, "
                                "a text or a number"},
    {"{environment: ['=x']}", "compose.yaml:2:21: services.a.environment: \"\" is no variable's name; "},
    {"{environment: {a=b: c}}", "compose.yaml:2:21: services.a.environment: a=b is no variable's name; "},
    {"{environment: [B: 1]}", "compose.yaml:2:21: services.a.environment[0]: this is a mapping; write a text"},
    {"{environment: [1]}", "compose.yaml:2:21: services.a.environment[0]: this is a number, not a text; put it in"},
    {"{env_file: e}", "compose.yaml:2:17: services.a.env_file: no other file than this one can be read here"},
    {"{env_file: [{required: true}]}", "compose.yaml:2:18: services.a.env_file[0]: no path is given; "},
    {"{env_file: [{path: e, format: x}]}", "compose.yaml:2:36: services.a.env_file[0]: the format x is unknown; "},
    {"{env_file: [{path: e, requird: x}]}", "compose.yaml:2:28: services.a.env_file[0]: unknown key requird; did you "
                                            "mean required?"},
    {"{tmpfs: 5}", "compose.yaml:2:14: services.a.tmpfs: this is a number, not a text; "},
    {"{tmpfs: {target: /tmp}}", "compose.yaml:2:14: services.a.tmpfs: this is a mapping; write a text or a list"},
    {"{tmpfs: tmp}", "compose.yaml:2:14: services.a.tmpfs tmp: the target tmp is not absolute; "},
    {"{tmpfs: [/run, '/tmp:siez=1m']}", "compose.yaml:2:21: services.a.tmpfs[1] /tmp:siez=1m: unknown option"},
    {"{tmpfs: [/run, /run/]}", "compose.yaml:2:21: services.a.tmpfs[1] /run/: the target /run is declared already by "
                               "compose.yaml:2:15: services.a.tmpfs[0] /run; keep one of them"},
    {"{tmpfs: /run, volumes: [/run]}", "compose.yaml:2:30: services.a.volumes[0] /run: the target /run is declared "
                                       "already by compose.yaml:2:14: services.a.tmpfs /run; "},
    {"{volumes: {d: /x}}", "compose.yaml:2:16: services.a.volumes: this is a mapping; write a list"},
    {"{volumes: [[x]]}", "compose.yaml:2:17: services.a.volumes[0]: this is a list; write a text or a mapping"},
    {"{volumes: ['d:/x:exec']}", "compose.yaml:2:17: services.a.volumes[0] d:/x:exec: unknown option \"exec\"; "},
    {"{volumes: ['nix:/x']}", "compose.yaml:2:17: services.a.volumes[0]: the volume nix is not declared; "},
    {"{volumes: ['nfs:/x']}", "compose.yaml:5:153: volumes.nfs: the driver nfs is not supported, "},
    {"{volumes: ['opts:/x']}", "compose.yaml:5:194: volumes.opts: of driver_opts only o: bind with "},
    {"{volumes: ['wrong:/x']}", "compose.yaml:5:222: volumes.wrong a/b: a/b is not a volume's name; "},
    {"{volumes: [{source: d}]}", "compose.yaml:2:17: services.a.volumes[0]: no type is given; "},
    {"{volumes: [{type: nfs}]}", "compose.yaml:2:24: services.a.volumes[0].type nfs: this type is unknown; "},
    {"{volumes: [{type: image}]}", "compose.yaml:2:24: services.a.volumes[0].type image: this type is not supported; "},
    {"{volumes: [{type: npipe}]}", "compose.yaml:2:24: services.a.volumes[0].type npipe: this type is not supported; "},
    {"{volumes: [{type: bind, source: /x}]}", "compose.yaml:2:17: services.a.volumes[0]: no target is given; "},
    {"{volumes: [{type: bind, target: x, source: /x}]}",
     "compose.yaml:2:38: services.a.volumes[0].target x: the target x is not absolute; "},
    {"{volumes: [{type: bind, target: /x}]}",
     "compose.yaml:2:17: services.a.volumes[0]: a bind needs the host's path; "},
    {"{volumes: [{type: tmpfs, target: /x, source: d}]}",
     "compose.yaml:2:51: services.a.volumes[0].source d: a tmpfs has no source; "},
    {"{volumes: [{type: volume, target: /x, source: ./d}]}",
     "compose.yaml:2:52: services.a.volumes[0].source ./d: ./d is not a volume's name; "},
    {"{volumes: [{type: volume, target: /x, source: nix}]}",
     "compose.yaml:2:52: services.a.volumes[0]: the volume nix is not declared; "},
    {"{volumes: [{type: tmpfs, target: /x, volume: {nocopy: true}}]}",
     "compose.yaml:2:51: services.a.volumes[0]: volume: is for type: volume, this is a tmpfs; "},
    {"{volumes: [{type: tmpfs, target: /x, tmpfs: {size: 1q}}]}",
     "compose.yaml:2:57: services.a.volumes[0].tmpfs.size 1q: size: \"1q\" is not a size; "},
    {"{volumes: [{type: tmpfs, target: /x, tmpfs: {mode: 493}}]}",
     "compose.yaml:2:57: services.a.volumes[0].tmpfs.mode 493: mode: \"493\" is not an octal mode"},
    {"{volumes: [{type: tmpfs, target: /x, tmpfs: {sise: 1}}]}",
     "compose.yaml:2:51: services.a.volumes[0].tmpfs: unknown key sise; did you mean size?"},
    {"{volumes: [{type: volume, target: /x, volume: {subpath: ../x}}]}",
     "compose.yaml:2:62: services.a.volumes[0].volume.subpath ../x: subpath: ../x would leave the volume; "},
    {"{volumes: [{type: volume, target: /x, readonly: true}]}",
     "compose.yaml:2:44: services.a.volumes[0]: unknown key readonly; did you mean read_only?"},
    {"{volumes: [{type: volume, target: /x, volume: {nocopy: 7}}]}",
     "compose.yaml:2:61: services.a.volumes[0].volume.nocopy: this is a number; write true or false"},
    {"{volumes_from: [b]}", "compose.yaml:2:21: services.a.volumes_from: volumes_from is not supported; "},
    {"{volumes: [{type: volume, source: dir, target: /y, volume: {subpath: s}}]}",
     "compose.yaml:2:40: services.a.volumes[0]: a subpath of a volume that is a bind is not supported; "},
    {"{secrets: [none]}", "compose.yaml:2:17: services.a.secrets[0]: the secret none is not declared; "},
    {"{secrets: [s, s]}",
     "compose.yaml:2:20: services.a.secrets[1] /run/secrets/s: the target /run/secrets/s is declared"},
    {"{configs: [{source: s2, target: /}]}",
     "compose.yaml:2:38: services.a.configs[0] /: the target cannot be the root"},
    {"{configs: [{target: x}]}", "compose.yaml:2:17: services.a.configs[0]: it does not say which; "},
    {"{configs: s2}", "compose.yaml:2:16: services.a.configs: this is a text; write a list"},
    {"{x-rofuse: {imgae: x}}", "compose.yaml:2:18: services.a.x-rofuse: unknown key imgae; did you mean image?"},
    {"{x-rofuse: x}", "compose.yaml:2:17: services.a.x-rofuse: this is a text; write a mapping"},
    {"{extends: z}", "compose.yaml:2:16: services.a.extends: there is no service z in compose.yaml; "},
    {"{extends: a}", "compose.yaml:2:16: services.a.extends: a extends itself, by way of this; break the circle"},
    {"{extends: {file: x}}", "compose.yaml:2:16: services.a.extends: it does not say which service; "},
    {"{extends: {file: x, service: y}}", "compose.yaml:2:23: services.a.extends.file: no other file than this one"},
};

/* Whole files. */
static const struct {
    const char *text, *line;
} bad_files[] = {
    {"[]", "compose.yaml:1:1: the file: this is a list; write a mapping"},
    {"x", "compose.yaml:1:1: the file: this is a text; write a mapping"},
    {"name: x", "/srv/shop/compose.yaml: there is no service; "},
    {"services: {}", "/srv/shop/compose.yaml: there is no service; "},
    {"services: []", "compose.yaml:1:11: services: this is a list; write a mapping"},
    {"servces: {}", "compose.yaml:1:1: unknown key servces; did you mean services?"},
    {"services: {b: {}}", "/srv/shop/compose.yaml: there is no service a; there are: b"},
    {"services: {a b: {}}", "compose.yaml:1:12: services: \"a b\" is no name; "},
    {"services: {a: {}}\nvolumes: {d/e: }", "compose.yaml:2:11: volumes: d/e is no name; "},
    {"services: {a: {}}\nvolumes: {d: {nmae: x}}",
     "compose.yaml:2:15: volumes.d: unknown key nmae; did you mean name?"},
    {"services: {a: {}}\nvolumes: [d]", "compose.yaml:2:10: volumes: this is a list; write a mapping"},
    {"name: My Shop\nservices: {a: {}}", "compose.yaml:1:7: name: \"My Shop\" is no project's name; "},
    {"name: 1\nservices: {a: {}}", "compose.yaml:1:7: name: this is a number, not a text; put it in quotes: \"1\""},
    {"include: [x.yaml]\nservices: {a: {}}", "compose.yaml:1:10: include: include is not supported; "},
    {"services:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: b}",
     "compose.yaml:4:16: services.c.extends: b extends itself"},
};

static void test_good(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *text = g_strconcat(AROUND_FIRST, good[i].service, AROUND_LAST, NULL);
        GError *error = NULL;
        struct compose_service *service = load(text, "a", &error);
        g_assert_no_error(error);
        g_assert_cmpstr(service->project, ==, "shop");
        g_assert_cmpstr(service->file, ==, "/srv/shop/compose.yaml");
        g_autofree char *meaning = describe(service);
        g_assert_cmpstr(meaning + 1, ==, good[i].meaning);
        compose_service_free(service);
    }
}

static void check_bad(const char *text, const char *line)
{
    GError *error = NULL;
    g_assert_null(load(text, "a", &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
    expect_prefix(error->message, line);
    g_assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);
}

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strconcat(AROUND_FIRST, bad[i].service, AROUND_LAST, NULL);
        check_bad(text, bad[i].line);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad_files); i++)
        check_bad(bad_files[i].text, bad_files[i].line);
}

static void test_which(void)
{
    GError *error = NULL;
    struct compose_service *service = load("name: other\nservices: {only: {}}", NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(service->name, ==, "only");
    g_assert_cmpstr(service->project, ==, "other");
    compose_service_free(service);
    g_assert_null(load("services: {x: {}, y: {}}", NULL, &error));
    g_assert_cmpstr(error->message, ==, "/srv/shop/compose.yaml has several services; choose one with --service: x, y");
    g_clear_error(&error);
}

static void test_long_chain(void)
{
    g_autoptr(GString) text = g_string_new("services:\n  a: {extends: s0}\n");
    for (int i = 0; i < 40; i++)
        g_string_append_printf(text, "  s%d: {extends: s%d}\n", i, i + 1);
    g_string_append(text, "  s40: {}\n");
    GError *error = NULL;
    g_assert_null(load(text->str, "a", &error));
    g_assert_nonnull(strstr(error->message, "one service too many"));
    g_clear_error(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compose-service/good", test_good);
    g_test_add_func("/compose-service/bad", test_bad);
    g_test_add_func("/compose-service/which", test_which);
    g_test_add_func("/compose-service/long-chain", test_long_chain);
    return g_test_run();
}
