/*
 * Facts in, advice out: the programs of which it was reported that they break on a read-only root, and the rules one by one.
 */
#include "advice.h"

#include "advice_facts.h"
#include "advice_view.h"
#include "advise_comments.h"

#define MOST_FACTS 6

/* What most images have. */
#define BASE                                                                                                              \
    "tmp/:1777:0 var/tmp/:1777:0 run/ run/lock/:1777:0 var/run>/run var/lib/ var/cache/ etc/passwd etc/hosts usr/bin/sh " \
    "usr/lib/ root/.profile home/ "

struct row {
    const char *name, *image, *routes;
    struct said_fact facts[MOST_FACTS];
    const char *expected; /* "NEED OPTION" and "left PLACE", a line each */
};

static const struct row rows[] = {
    {"1 nginx",
     BASE "var/cache/nginx/",
     "",
     {{"/usr/sbin/nginx", 0, OP(MKDIR), "/var/cache/nginx/client_temp", "/var/cache/nginx", .class = FACT_FATAL},
      {"/usr/sbin/nginx", 0, OP(CREATE), "/run/nginx.pid", "/var/run", .class = FACT_FATAL}},
     "required --tmpfs /var/cache/nginx\nrequired --tmpfs /run\n"},
    {"1 nginx, learned",
     BASE "var/cache/nginx/",
     "",
     {{"/usr/sbin/nginx", 0, OP(MKDIR), "/var/cache/nginx/client_temp", "/var/cache/nginx", .class = FACT_OPEN},
      {"/usr/sbin/nginx", 0, OP(MKDIR), "/var/cache/nginx/proxy_temp", "/var/cache/nginx", .class = FACT_OPEN},
      {"/usr/sbin/nginx", 101, OP(CREATE), "/var/cache/nginx/client_temp/*", "/var/cache/nginx/client_temp",
       .class = FACT_OPEN}},
     "required --tmpfs /var/cache/nginx:mode=0755,uid=101,gid=101\n"},
    {"2 nginx's entrypoint",
     BASE "etc/nginx/conf.d/default.conf",
     "",
     {{"/bin/sh", 0, OP(OPEN), "/etc/nginx/conf.d/default.conf", "/etc/nginx/conf.d", .class = FACT_PROBE}},
     "left /etc/nginx/conf.d/default.conf\n"},
    {"3 nginx's templates",
     BASE "etc/nginx/conf.d/:0755:101 etc/nginx/conf.d/default.conf",
     "",
     {{"/usr/bin/envsubst", 101, OP(OPEN), "/etc/nginx/conf.d/default.conf", "/etc/nginx/conf.d", .class = FACT_FATAL}},
     "required --tmpfs /etc/nginx/conf.d:mode=0755,uid=101,gid=101,tmpcopyup\n"},
    {"3 by a variable",
     BASE "etc/nginx/conf.d/default.conf",
     "",
     {{"/usr/bin/envsubst", 101, OP(OPEN), "/etc/nginx/conf.d/default.conf", "/etc/nginx/conf.d", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_ENV, .name = (char *)"NGINX_ENVSUBST_OUTPUT_DIR", .value = (char *)"/tmp/conf.d"}}},
     "required -e NGINX_ENVSUBST_OUTPUT_DIR=/tmp/conf.d\nrequired --tmpfs /tmp\n"},
    {"4 postgres",
     BASE "run/postgresql/:2775:70 var/lib/postgresql/data/:0700:70",
     "",
     {{"/usr/bin/postgres", 70, OP(CREATE), "/run/postgresql/.s.PGSQL.5432.lock", "/var/run/postgresql",
       .class = FACT_FATAL},
      {"/usr/bin/initdb", 70, OP(CHMOD), "/var/lib/postgresql/data", "/var/lib/postgresql", .class = FACT_FATAL}},
     "required --tmpfs /run/postgresql:mode=0755,uid=70,gid=70\n"
     "required -v postgresql-data:/var/lib/postgresql/data\n"},
    {"5 a here-document",
     BASE,
     "",
     {{"/bin/bash", 0, OP(CREATE), "/tmp/sh-thd.*", "/tmp", .class = FACT_FATAL}},
     "required --tmpfs /tmp\n"},
    {"a lock that the image was made with",
     BASE "run/adduser",
     "",
     {{"/usr/sbin/squid", 0, OP(CREATE), "/run/squid.pid", "/run", .class = FACT_FATAL}},
     "required --tmpfs /run\n"},
    {"logs that the image was made with",
     BASE "var/log/apache2/error.log",
     "",
     {{"/usr/sbin/apache2", 0, OP(OPEN), "/var/log/apache2/error.log", "/var/log/apache2", .class = FACT_FATAL}},
     "required --tmpfs /var/log/apache2\n"},
    {"a log that is led elsewhere",
     BASE "var/log/x/error.log>/dev/stderr",
     "",
     {{"/usr/sbin/x", 0, OP(CREATE), "/var/log/x/y", "/var/log/x", .class = FACT_FATAL}},
     "required --tmpfs /var/log/x:tmpcopyup\n"},
    {"the first of many directories, where the image has none",
     BASE "var/spool/squid/:0750:13",
     "",
     {{"/usr/sbin/squid", 13, OP(MKDIR), "/var/spool/squid/00", "/var/spool/squid", .class = FACT_FATAL}},
     "required -v squid:/var/spool/squid\n"},
    {"and where it has something else",
     BASE "var/spool/squid/:0750:13 var/spool/squid/conf",
     "",
     {{"/usr/sbin/squid", 13, OP(MKDIR), "/var/spool/squid/00", "/var/spool/squid", .class = FACT_FATAL}},
     "required --tmpfs /var/spool/squid/00:mode=0755,uid=13,gid=13\n"},
    {"data that a server refuses again and again",
     BASE "var/spool/exim4/input/:0750:100",
     "",
     {{"/usr/sbin/exim4", 100, OP(CREATE), "/var/spool/exim4/input/*", "/var/spool/exim4/input",
       .class = FACT_TOLERATED}},
     "required -v input:/var/spool/exim4/input\n"},
    {"the first of its directories",
     BASE "var/spool/exim4/:0750:100 var/spool/exim4/input/:0750:100 var/spool/exim4/db/:0750:100",
     "",
     {{"/usr/sbin/exim4", 100, OP(CREATE), "/var/spool/exim4/input/*", "/var/spool/exim4/input", .class = FACT_FATAL}},
     "required -v exim4:/var/spool/exim4\n"},
    {"and where they have different owners",
     BASE "var/spool/exim4/:0750:100 var/spool/exim4/input/:0750:100 var/spool/exim4/db/:0750:0",
     "",
     {{"/usr/sbin/exim4", 100, OP(CREATE), "/var/spool/exim4/input/*", "/var/spool/exim4/input", .class = FACT_FATAL}},
     "required -v input:/var/spool/exim4/input\n"},
    {"what nobody may anywhere",
     BASE,
     "",
     {{"/usr/sbin/lighttpd", 33, OP(UNLINK), "/run/lighttpd.pid", "/run", .class = FACT_TOLERATED,
       .why = DENIAL_PERMISSION}},
     "left /run/lighttpd.pid\n"},
    {"which a read-only root refuses first",
     BASE,
     "",
     {{"/usr/sbin/named", 53, OP(MKDIR), "/run/named", "/run", .class = FACT_TOLERATED}},
     "left /run/named\n"},
    {"unless the program ends of it",
     BASE,
     "",
     {{"/usr/sbin/named", 53, OP(MKDIR), "/run/named", "/run", .class = FACT_FATAL}},
     "required --tmpfs /run:mode=0755,uid=53,gid=53\n"},
    {"nor where a tmpfs is by now",
     BASE,
     "--tmpfs /run",
     {{"/usr/sbin/lighttpd", 33, OP(UNLINK), "/run/lighttpd.pid", "/run", .class = FACT_TOLERATED,
       .why = DENIAL_PERMISSION, .route_target = "/run"}},
     "left /run/lighttpd.pid\n"},
    {"a file of somebody else in a tmpfs",
     BASE,
     "--tmpfs /run",
     {{"/usr/sbin/unbound", 100, OP(OPEN), "/run/unbound.pid", "/run", .class = FACT_FATAL, .why = DENIAL_PERMISSION,
       .route_target = "/run"}},
     "left /run/unbound.pid\n"},
    {"what is known of another place",
     BASE,
     "",
     {{"/usr/sbin/sshd", 0, OP(CREATE), "/run/sshd.pid", "/run", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_TMPFS, .target = (char *)"/run/sshd"}},
      {"/usr/bin/mkdir", 0, OP(MKDIR), "/run/sshd", "/run", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_TMPFS, .target = (char *)"/run/sshd"}}},
     "required --tmpfs /run\n"},
    {"7 redis",
     BASE "data/:0755:999",
     "",
     {{"/usr/bin/redis-server", 999, OP(CREATE), "/data/temp-*.rdb", "/data", .class = FACT_FATAL}},
     "required -v data:/data\n"},
    {"8 npm",
     BASE,
     "",
     {{"/usr/bin/node", 0, OP(MKDIR), "/root/.npm", "/root", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_ENV, .name = (char *)"npm_config_cache", .value = (char *)"/tmp/npm"}},
      {"/usr/bin/node", 0, OP(CREATE), "/tmp/startprod*.sh", "/tmp", .class = FACT_FATAL}},
     "required -e npm_config_cache=/tmp/npm\nrequired --tmpfs /tmp\n"},
    {"8 npm, without knowledge",
     BASE,
     "",
     {{"/usr/bin/node", 0, OP(MKDIR), "/root/.npm", "/root", .class = FACT_FATAL}},
     "required --tmpfs /root/.npm\n"},
    {"10 .NET",
     BASE,
     "",
     {{"/usr/bin/dotnet", 0, OP(MKNOD), "/tmp/dotnet-diagnostic-*", "/tmp", .class = FACT_FATAL}},
     "required --tmpfs /tmp\n"},
    {"11 grafana",
     BASE "var/log/grafana/:0777:472",
     "",
     {{"/usr/bin/grafana", 472, OP(CREATE), "/tmp/*.zip", "/tmp", .class = FACT_TOLERATED},
      {"/usr/bin/grafana", 472, OP(CREATE), "/var/log/grafana/grafana.log", "/var/log/grafana", .class = FACT_FATAL}},
     "required --tmpfs /var/log/grafana\noptional --tmpfs /tmp\n"},
    {"13 keycloak",
     BASE "opt/jboss/keycloak/bin/x",
     "",
     {{"/bin/sed", 1000, OP(CREATE), "/opt/jboss/keycloak/bin/sed*", "/opt/jboss/keycloak/bin", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_REBUILD, .value = (char *)"rebuild"}}},
     "left /opt/jboss/keycloak/bin/sed*\n"},
    {"14 elasticsearch",
     BASE "usr/share/elasticsearch/config/:0775:1000 usr/share/elasticsearch/config/jvm.options",
     "",
     {{"/usr/bin/java", 1000, OP(CREATE), "/usr/share/elasticsearch/config/elasticsearch.keystore.tmp",
       "/usr/share/elasticsearch/config", .class = FACT_FATAL}},
     "required --tmpfs /usr/share/elasticsearch/config:mode=0755,uid=1000,gid=1000,tmpcopyup\n"},
    {"16 python",
     BASE "app/main.py",
     "",
     {{"/usr/bin/python3", 0, OP(CREATE), "/app/*", "/app", .class = FACT_FATAL, .alternative = "/tmp"},
      {"/usr/bin/python3", 0, OP(MKDIR), "/app/__pycache__", "/app", .class = FACT_PROBE}},
     "required --tmpfs /tmp\nleft /app/__pycache__\n"},
    {"17 next.js",
     BASE "app/.next/server/app/index.html app/package.json",
     "",
     {{"/usr/bin/node", 1000, OP(OPEN) | OP(CREATE), "/app/.next/server/**", "/app/.next/server/app",
       .class = FACT_FATAL}},
     "required --tmpfs /app/.next/server/app:mode=0755,uid=1000,gid=1000,tmpcopyup\n"},
    {"19 chrome",
     BASE "home/chrome/:0755:1000",
     "",
     {{"/usr/lib/chrome/chrome_crashpad", 1000, OP(MKDIR), "/home/chrome/.config", "/home/chrome",
       .class = FACT_FATAL}},
     "required --tmpfs /home/chrome/.config:mode=0755,uid=1000,gid=1000\n"},
    {"20 sed in an entrypoint",
     BASE,
     "",
     {{"/bin/sed", 0, OP(CREATE), "/etc/passwd*", "/etc", .class = FACT_FATAL}},
     "left /etc/passwd*\n"},
    {"22 klog",
     BASE,
     "",
     {{"/app/server", 0, OP(CREATE), "/tmp/server.host.root.log.ERROR.*", "/tmp", .class = FACT_FATAL}},
     "required --tmpfs /tmp\n"},
    {"23 a tmpfs of another owner",
     BASE,
     "--tmpfs /data:mode=0755,size=64m",
     {{"/bin/prog", 1000, OP(CREATE), "/data/x", "/data", .class = FACT_FATAL, .why = DENIAL_PERMISSION,
       .route_target = "/data"}},
     "required --tmpfs /data:size=64m,mode=0755,uid=1000,gid=1000\n"},
    {"23 with two writers",
     BASE,
     "--tmpfs /data:mode=0755",
     {{"/bin/prog", 1000, OP(CREATE), "/data/x", "/data", .class = FACT_FATAL, .why = DENIAL_PERMISSION,
       .route_target = "/data"},
      {"/bin/other", 1001, OP(CREATE), "/data/y", "/data", .class = FACT_TOLERATED, .why = DENIAL_PERMISSION,
       .route_target = "/data"}},
     "required --tmpfs /data:mode=1777\n"},
    {"23 in a directory of somebody else",
     BASE,
     "--tmpfs /data",
     {{"/bin/prog", 1000, OP(CREATE), "/data/a/x", "/data/a", .class = FACT_FATAL, .why = DENIAL_PERMISSION,
       .route_target = "/data"}},
     "left /data/a/x\n"},
    {"23 a volume",
     BASE,
     "-v data:/data",
     {{"/bin/prog", 1000, OP(CREATE), "/data/x", "/data", .class = FACT_FATAL, .why = DENIAL_PERMISSION,
       .route_target = "/data"}},
     "required give the volume data at /data to the program's user once: chown -R 1000:1000\n"},
    {"24 a script in /tmp",
     BASE,
     "--tmpfs /tmp",
     {{"/bin/sh", 0, OP(EXEC), "/tmp/foo.sh", "/tmp", .class = FACT_FATAL, .why = DENIAL_DECLARED_NOEXEC,
       .route_target = "/tmp"}},
     "required --tmpfs /tmp:exec\n"},
    {"25 bind9",
     BASE "run/named/:0775:53",
     "",
     {{"/usr/sbin/named", 53, OP(CREATE), "/run/named/named.pid", "/var/run/named", .class = FACT_FATAL}},
     "required --tmpfs /run/named:mode=0755,uid=53,gid=53\n"},
    {"25 the image's directory is hidden",
     BASE "run/named/:0775:53",
     "--tmpfs /run",
     {{.exe = NULL}},
     "note the tmpfs at /run hides\n"},
    {"26 resolvers",
     BASE,
     "",
     {{"/bin/sh", 0, OP(OPEN), "/etc/hosts", "/etc", .class = FACT_FATAL}},
     "left /etc/hosts\n"},
    {"a place and one below it",
     BASE "run/postgresql/:2775:70",
     "",
     {{"/usr/sbin/prog", 0, OP(CREATE), "/run/prog.pid", "/run", .class = FACT_FATAL},
      {"/usr/bin/postgres", 70, OP(CREATE), "/run/postgresql/x", "/run/postgresql", .class = FACT_FATAL},
      {"/usr/sbin/prog", 0, OP(CREATE), "/run/lock/x", "/run/lock", .class = FACT_FATAL}},
     "required --tmpfs /run\nrequired --tmpfs /run/postgresql:mode=0755,uid=70,gid=70\n"},
    {"a place whose other content is needed",
     BASE "run/named/",
     "",
     {{"/usr/sbin/prog", 0, OP(CREATE), "/run/prog.pid", "/run", .class = FACT_FATAL}},
     "required --tmpfs /run:tmpcopyup\n"},
    {"brothers",
     BASE "var/lib/nginx/body/ var/lib/nginx/proxy/",
     "",
     {{"/usr/sbin/nginx", 0, OP(CREATE), "/var/lib/nginx/body/*", "/var/lib/nginx/body", .class = FACT_FATAL},
      {"/usr/sbin/nginx", 0, OP(CREATE), "/var/lib/nginx/proxy/*", "/var/lib/nginx/proxy", .class = FACT_FATAL}},
     "required --tmpfs /var/lib/nginx:tmpcopyup\n"},
    {"brothers in a cache",
     BASE "var/cache/nginx/a/ var/cache/nginx/b/",
     "",
     {{"/usr/sbin/nginx", 0, OP(CREATE), "/var/cache/nginx/a/*", "/var/cache/nginx/a", .class = FACT_FATAL},
      {"/usr/sbin/nginx", 0, OP(CREATE), "/var/cache/nginx/b/*", "/var/cache/nginx/b", .class = FACT_FATAL}},
     "required --tmpfs /var/cache/nginx:tmpcopyup\n"},
    {"a directory that is to be made",
     BASE "app/main.js",
     "",
     {{"/usr/bin/node", 0, OP(MKDIR), "/app/uploads", "/app", .class = FACT_FATAL}},
     "required -v uploads:/app/uploads\n"},
    {"the same by somebody whom a volume would refuse",
     BASE "app/:0755:1000 app/main.js",
     "",
     {{"/usr/bin/node", 1000, OP(MKDIR), "/app/uploads", "/app", .class = FACT_FATAL}},
     "required --tmpfs /app/uploads:mode=0755,uid=1000,gid=1000\n"},
    {"the program's own directory",
     BASE "app/main.js",
     "",
     {{"/usr/bin/node", 0, OP(CREATE), "/app/db.sqlite", "/app", .class = FACT_FATAL, .arg = "node /app/main.js"}},
     "required --tmpfs /app:mode=0755,tmpcopyup\n"},
    {"the same, tolerated",
     BASE "app/main.js",
     "",
     {{"/usr/bin/node", 0, OP(CREATE), "/app/db.sqlite", "/app", .class = FACT_TOLERATED}},
     "left /app/db.sqlite\n"},
    {"the root itself", BASE, "", {{"/bin/sh", 0, OP(CREATE), "/out", "/", .class = FACT_FATAL}}, "left /out\n"},
    {"programs",
     BASE,
     "",
     {{"/bin/sh", 0, OP(CREATE), "/usr/bin/x", "/usr/bin", .class = FACT_FATAL}},
     "left /usr/bin/x\n"},
    {"attributes of settings",
     BASE "etc/prog/conf",
     "",
     {{"/bin/chown", 0, OP(CHOWN), "/etc/prog/conf", "/etc/prog", .class = FACT_FATAL}},
     "left /etc/prog/conf\n"},
    {"declared by now",
     BASE,
     "--tmpfs /var/run",
     {{"/bin/sh", 0, OP(CREATE), "/run/x", "/run", .class = FACT_FATAL}},
     "left /run/x\n"},
    {"read-only on purpose",
     BASE,
     "-v data:/data:ro",
     {{"/bin/sh", 0, OP(CREATE), "/data/x", "/data", .class = FACT_FATAL, .why = DENIAL_DECLARED_READ_ONLY,
       .route_target = "/data"}},
     "choice -v data:/data\n"},
    {"full",
     BASE,
     "--tmpfs /tmp:size=16m",
     {{"/bin/sh", 0, OP(WRITE), "/tmp/x", "/tmp", .class = FACT_FATAL, .why = DENIAL_NO_SPACE, .route_target = "/tmp"},
      {"/bin/cat", 0, OP(WRITE), "/tmp/y", "/tmp", .class = FACT_FATAL, .why = DENIAL_NO_SPACE, .route_target = "/tmp"},
      {"/bin/y", 0, OP(EXEC), "/tmp/y", "/tmp", .class = FACT_TOLERATED, .why = DENIAL_DECLARED_NOEXEC,
       .route_target = "/tmp"}},
     "required --tmpfs /tmp:exec,size=64m\n"},
    {"full, and nothing helps",
     BASE,
     "-v data:/data",
     {{"/bin/sh", 0, OP(WRITE), "/data/x", "/data", .class = FACT_FATAL, .why = DENIAL_NO_SPACE,
       .route_target = "/data"}},
     "left /data/x\n"},
    {"a fix of the knowledge base, for the writer",
     BASE "var/lib/x/:0755:5",
     "",
     {{"/bin/x", 5, OP(CREATE), "/var/lib/x/a", "/var/lib/x", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_TMPFS,
               .target = (char *)"/var/lib/x",
               .options = (char *)"size=64m,mode=0700",
               .for_writer = true}}},
     "required --tmpfs /var/lib/x:size=64m,mode=0700,uid=5,gid=5\n"},
    {"a fix that copies, where there is nothing to copy",
     BASE "run/haproxy/:0755:0",
     "",
     {{"/usr/sbin/haproxy", 0, OP(MKNOD), "/run/haproxy/admin.sock", "/run/haproxy", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_TMPFS, .target = (char *)"/run/haproxy", .copy = true}}},
     "required --tmpfs /run/haproxy\n"},
    {"and where there is something",
     BASE "run/haproxy/x/",
     "",
     {{"/usr/sbin/haproxy", 0, OP(MKNOD), "/run/haproxy/admin.sock", "/run/haproxy", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_TMPFS, .target = (char *)"/run/haproxy", .copy = true}}},
     "required --tmpfs /run/haproxy:tmpcopyup\n"},
    {"a fix that names the volume",
     BASE "var/lib/x/",
     "",
     {{"/bin/x", 0, OP(CREATE), "/var/lib/x/a", "/var/lib/x", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_VOLUME, .target = (char *)"/var/lib/x", .name = (char *)"things"}}},
     "required -v things:/var/lib/x\n"},
    {"a setting of the program",
     BASE,
     "",
     {{"/bin/x", 0, OP(CREATE), "/x.log", "/", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_COMMAND, .value = (char *)"--log-to-stdout"}}},
     "required --log-to-stdout\n"},
    {"a setting, where a place would do: what is needed is declared",
     BASE "var/log/dpkg.log",
     "",
     {{"/usr/sbin/php-fpm8.2", 0, OP(CREATE), "/var/log/php8.*-fpm.log", "/var/log", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_COMMAND, .value = (char *)"error_log = /proc/self/fd/2"},
       .other = {.kind = FACT_FIX_TMPFS, .target = (char *)"/var/log"}}},
     "required --tmpfs /var/log\n"},
    {"and what is not needed is not",
     BASE "var/log/dpkg.log",
     "",
     {{"/usr/sbin/php-fpm8.2", 0, OP(CREATE), "/var/log/php8.*-fpm.log", "/var/log", .class = FACT_TOLERATED,
       .fix = {.kind = FACT_FIX_COMMAND, .value = (char *)"error_log = /proc/self/fd/2"},
       .other = {.kind = FACT_FIX_TMPFS, .target = (char *)"/var/log"}}},
     "optional error_log = /proc/self/fd/2\n"},
    {"a database that goes on without saving",
     BASE "data/:0755:999",
     "",
     {{"/usr/bin/redis-server", 999, OP(CREATE), "/data/temp-*.rdb", "/data", .class = FACT_TOLERATED,
       .fix = {.kind = FACT_FIX_VOLUME, .target = (char *)"/data", .name = (char *)"redis-data"}}},
     "required -v redis-data:/data\n"},
    {"a fix that would open /etc",
     BASE,
     "",
     {{"/usr/bin/redis-server", 999, OP(CREATE), "/etc/redis.conf", "/etc", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_VOLUME, .target = (char *)"/etc", .name = (char *)"redis-config"}}},
     "left /etc/redis.conf\n"},
    {"a fix that would open settings for what is not needed",
     BASE "etc/nginx/conf.d/default.conf",
     "",
     {{"/usr/bin/sed", 0, OP(CREATE), "/etc/nginx/conf.d/sed*", "/etc/nginx/conf.d", .class = FACT_TOLERATED,
       .fix = {.kind = FACT_FIX_TMPFS, .target = (char *)"/etc/nginx/conf.d", .copy = true}}},
     "left /etc/nginx/conf.d/sed*\n"},
    {"what goes with a fix and is declared is no reason to leave anything out",
     BASE,
     "--tmpfs /tmp",
     {{"/usr/bin/node", 0, OP(MKDIR), "/root/.npm", "/root", .class = FACT_FATAL,
       .fix = {.kind = FACT_FIX_ENV, .name = (char *)"npm_config_cache", .value = (char *)"/tmp/npm"},
       .other = {.kind = FACT_FIX_TMPFS, .target = (char *)"/tmp", .also = true}}},
     "required -e npm_config_cache=/tmp/npm\n"},
    {"two volumes of one name",
     BASE "srv/a/data/ srv/b/x srv/b/data/ srv/a/x",
     "",
     {{"/bin/x", 0, OP(CREATE), "/srv/a/data/1", "/srv/a/data", .class = FACT_FATAL},
      {"/bin/x", 0, OP(CREATE), "/srv/b/data/1", "/srv/b/data", .class = FACT_FATAL}},
     "required -v a-data:/srv/a/data\nrequired -v b-data:/srv/b/data\n"},
    {"a name that options cannot say",
     BASE "srv/a,b/",
     "",
     {{"/bin/x", 0, OP(CREATE), "/srv/a,b/1", "/srv/a,b", .class = FACT_FATAL}},
     "left /srv/a,b/1\n"},
    {"nothing is known of the image",
     NULL,
     "",
     {{"/usr/sbin/nginx", 0, OP(MKDIR), "/var/cache/nginx/client_temp", "/var/cache/nginx", .class = FACT_OPEN},
      {"/usr/sbin/nginx", 33, OP(CREATE), "/run/nginx/pid", "/var/run/nginx", .class = FACT_OPEN},
      {"/usr/bin/node", 33, OP(CREATE), "/tmp/x", "/tmp", .class = FACT_OPEN},
      {"/usr/bin/node", 0, OP(OPEN), "/etc/x/y", "/etc/x", .class = FACT_OPEN},
      {"/usr/bin/node", 0, OP(MKDIR), "/app/uploads", "/app", .class = FACT_OPEN}},
     "required --tmpfs /var/cache/nginx\nrequired --tmpfs /run/nginx:mode=0755,uid=33,gid=33\nrequired --tmpfs /tmp\n"
     "required --tmpfs /etc/x:tmpcopyup\nrequired -v uploads:/app/uploads\n"},
    {"a program that was written in learn mode, and executed",
     BASE,
     "",
     {{"/bin/sh", 0, OP(EXEC), "/tmp/a/prog", "/tmp/a", .class = FACT_OPEN},
      {"/bin/cp", 0, OP(CREATE), "/tmp/a/prog", "/tmp/a", .class = FACT_OPEN}},
     "required --tmpfs /tmp:exec\n"},
    {"and where nothing is declared",
     BASE,
     "",
     {{"/bin/sh", 0, OP(EXEC), "/usr/bin/prog", "/usr/bin", .class = FACT_OPEN}},
     "left /usr/bin/prog\n"},
    {"the image's program lies there",
     "opt/x/bin/x opt/x/conf",
     "",
     {{"/opt/x/bin/x", 0, OP(CREATE), "/opt/x/pid", "/opt/x", .class = FACT_FATAL}},
     "required --tmpfs /opt/x:exec,mode=0755,tmpcopyup\n"},
    {"a script there",
     "opt/x/run.sh",
     "",
     {{"/bin/sh", 0, OP(CREATE), "/opt/x/pid", "/opt/x", .class = FACT_FATAL, .arg = "/bin/sh /opt/x/run.sh",
       .comm = "run.sh"}},
     "required --tmpfs /opt/x:exec,mode=0755,tmpcopyup\n"},
    {"run by a program there",
     BASE,
     "",
     {{"/usr/bin/node", 0, OP(CREATE), "/tmp/x", "/tmp", .class = FACT_FATAL, .parents = "/bin/sh /tmp/installer"}},
     "required --tmpfs /tmp:exec\n"},
    {"in a container that a program of the host's /tmp started",
     BASE,
     "",
     {{"/usr/bin/node", 0, OP(CREATE), "/tmp/x", "/tmp", .class = FACT_FATAL,
       .parents = "/bin/sh /tmp/rofuse /tmp/make"}},
     "required --tmpfs /tmp\n"},
    {"in a container that docker started",
     BASE,
     "",
     {{"/usr/bin/node", 0, OP(CREATE), "/tmp/x", "/tmp", .class = FACT_FATAL,
       .parents = "/bin/sh /tmp/docker/bin/containerd-shim-runc-v2"}},
     "required --tmpfs /tmp\n"},
    {"a script there that sh is told to read",
     "opt/x/run.sh",
     "",
     {{"/bin/sh", 0, OP(CREATE), "/opt/x/pid", "/opt/x", .class = FACT_FATAL, .arg = "/bin/sh /opt/x/run.sh",
       .comm = "sh"}},
     "required --tmpfs /opt/x:mode=0755,tmpcopyup\n"},
    {"a file in /var, which is empty",
     "var/",
     "",
     {{"/bin/sh", 0, OP(CREATE), "/var/x", "/var", .class = FACT_FATAL}},
     "required --tmpfs /var:mode=0755\n"},
    {"a file in /var, which has something",
     BASE,
     "",
     {{"/bin/sh", 0, OP(CREATE), "/var/x", "/var", .class = FACT_FATAL}},
     "required --tmpfs /var:mode=0755,tmpcopyup\n"},
    {"a file in /var, and one below: what else lies below is not hidden",
     "var/cache/prog/ var/cache/other/x",
     "",
     {{"/bin/sh", 0, OP(CREATE), "/var/x", "/var", .class = FACT_FATAL},
      {"/bin/sh", 7, OP(CREATE), "/var/cache/prog/x", "/var/cache/prog", .class = FACT_FATAL}},
     "required --tmpfs /var:mode=0755,tmpcopyup\nrequired --tmpfs /var/cache/prog:mode=0755,uid=7,gid=7\n"},
    {"the same by root: one is enough",
     "var/cache/prog/ var/cache/other/x",
     "",
     {{"/bin/sh", 0, OP(CREATE), "/var/x", "/var", .class = FACT_FATAL},
      {"/bin/sh", 0, OP(CREATE), "/var/cache/prog/x", "/var/cache/prog", .class = FACT_FATAL}},
     "required --tmpfs /var:mode=0755,tmpcopyup\n"},
    {"a file in /var, tolerated",
     "var/",
     "",
     {{"/bin/sh", 0, OP(CREATE), "/var/x", "/var", .class = FACT_TOLERATED}},
     "left /var/x\n"},
    {"a file in a home",
     "root/:0700:0 root/.bashrc",
     "",
     {{"/bin/sh", 0, OP(CREATE), "/root/x", "/root", .class = FACT_FATAL}},
     "required --tmpfs /root:mode=0700\n"},
    {"a file in a home with keys, written by root",
     "home/me/:0750:5 home/me/.ssh/key",
     "",
     {{"/bin/sh", 0, OP(CREATE), "/home/me/x", "/home/me", .class = FACT_FATAL}},
     "required --tmpfs /home/me:mode=0750,uid=5,gid=5,tmpcopyup\n"},
    {"a home of an image that nobody knows",
     NULL,
     "",
     {{"/bin/sh", 0, OP(CREATE), "/root/x", "/root", .class = FACT_FATAL}},
     "required --tmpfs /root:tmpcopyup\n"},
    {"a directory of homes that the image lacks",
     "bin/sh",
     "",
     {{"/bin/sh", 0, OP(MKDIR), "/home", "/", .class = FACT_FATAL}},
     "required --tmpfs /home\n"},
    {"the optional is part of what is needed",
     BASE,
     "",
     {{"/bin/x", 0, OP(CREATE), "/tmp/a/b", "/tmp", .class = FACT_FATAL},
      {"/bin/y", 0, OP(CREATE), "/tmp/c", "/tmp", .class = FACT_TOLERATED}},
     "required --tmpfs /tmp\n"},
};

static char *say(const struct advice_list *list)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(list->advices, i);
        g_autofree char *option = advise_option(advice);
        g_string_append_printf(text, "%s %s\n", advice_need_name(advice->need), option);
        g_assert_nonnull(advice->why);
        g_assert_cmpuint(advice->facts->len, >, 0);
    }
    for (guint i = 0; i < list->left->len; i++) {
        const struct advice_left *left = g_ptr_array_index(list->left, i);
        g_string_append_printf(text, "left %s\n", left->fact->place);
        g_assert_nonnull(left->reason);
    }
    for (guint i = 0; i < list->notes->len; i++)
        g_string_append_printf(text, "note %.23s\n", (const char *)g_ptr_array_index(list->notes, i));
    return g_string_free(text, FALSE);
}

static GPtrArray *make_facts(const struct said_fact *said)
{
    GPtrArray *facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    for (guint i = 0; i < MOST_FACTS && said[i].exe != NULL; i++)
        g_ptr_array_add(facts, make_fact(&said[i]));
    return facts;
}

static void test_row(gconstpointer data)
{
    const struct row *row = data;
    if (geteuid() != 0) {
        g_test_skip("owners of files can be set by root alone");
        return;
    }
    g_autofree char *layer = g_dir_make_tmp("rofuse-advice-XXXXXX", NULL);
    struct advice_view view = {0};
    struct advice_image image = {0};
    struct mount_options *routes = make_routes(row->routes);
    if (row->image != NULL) {
        g_autofree char *why = NULL;
        const char *layers[] = {layer};
        make_layer(layer, row->image);
        g_assert_cmpint(image_view_open(layers, 1, &view.view, &why), ==, 0);
        image = advice_view_image(&view);
    }
    g_autoptr(GPtrArray) facts = make_facts(row->facts);
    struct advice_input input = {.facts = facts, .image = view.view != NULL ? &image : NULL};
    input.routes = mount_options_routes(routes, &input.n_routes);
    struct advice_list *list = advice_make(&input);
    g_autofree char *text = say(list);
    g_assert_cmpstr(text, ==, row->expected);
    advice_list_free(list);
    image_view_free(view.view);
    mount_options_free(routes);
    remove_tree_of(layer);
}

/* What is opened is said. */
static void test_costs(void)
{
    static const struct {
        struct said_fact fact;
        const char *cost; /* its beginning */
    } table[] = {
        {{"/usr/bin/node", 0, OP(CREATE), "/app/x", "/app", .class = FACT_FATAL, .arg = "node /app/main.js"},
         "the program itself lies in /app"},
        {{"/opt/x/bin/x", 0, OP(CREATE), "/opt/x/y", "/opt/x", .class = FACT_FATAL},
         "the program itself lies in /opt/x"},
        {{"/bin/sh", 0, OP(CREATE), "/etc/x/y", "/etc/x", .class = FACT_FATAL},
         "the settings in /etc/x can be changed"},
        {{"/bin/sh", 0, OP(CREATE), "/var/lib/x", "/var/lib", .class = FACT_FATAL}, "all of /var/lib is opened"},
        {{"/bin/sh", 1000, OP(MKDIR), "/app/data", "/app", .class = FACT_FATAL}, "it is gone at the next start"},
        {{"/bin/sh", 0, OP(CREATE), "/var/x", "/var", .class = FACT_FATAL}, "all of /var is opened"},
        {{"/bin/sh", 0, OP(CREATE), "/home/x", "/home", .class = FACT_FATAL}, "all of /home is opened"},
        {{"/bin/sh", 0, OP(CREATE), "/opt/x", "/opt", .class = FACT_FATAL}, "all of /opt is opened"},
        {{"/bin/sh", 0, OP(CREATE), "/root/x", "/root", .class = FACT_FATAL}, "all of /root is opened"},
        {{"/bin/sh", 0, OP(CREATE), "/app/x", "/app", .class = FACT_FATAL}, "all of /app is opened"},
        {{"/bin/sh", 0, OP(CREATE), "/tmp/x", "/tmp", .class = FACT_FATAL}, NULL},
        {{"/bin/mkdir", 0, OP(MKDIR), "/var/cache/x", "/var/cache", .class = FACT_FATAL, .arg = "mkdir /var/cache/x"},
         NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
        g_ptr_array_add(facts, make_fact(&table[i].fact));
        const struct advice_input input = {.facts = facts};
        struct advice_list *list = advice_make(&input);
        g_assert_cmpuint(list->advices->len, ==, 1);
        const struct advice *advice = g_ptr_array_index(list->advices, 0);
        g_test_message("%s: %s", table[i].fact.place, advice->cost);
        g_assert_true(table[i].cost == NULL ? advice->cost == NULL
                                            : advice->cost != NULL && g_str_has_prefix(advice->cost, table[i].cost));
        advice_list_free(list);
    }
}

/* However many places a program tries, it ends, and in good time. */
static void test_many(void)
{
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    for (int i = 0; i < 3000; i++) {
        g_autofree char *directory = g_strdup_printf("/srv/%d/x%d", i % 700, i);
        g_autofree char *place = g_strconcat(directory, "/y", NULL);
        const struct said_fact said = {"/bin/sh", 0, OP(CREATE), place, directory, .class = FACT_FATAL};
        g_ptr_array_add(facts, make_fact(&said));
    }
    const struct advice_input input = {.facts = facts};
    struct advice_list *list = advice_make(&input);
    g_assert_cmpuint(list->advices->len + list->left->len, >, 0);
    advice_list_free(list);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strconcat("/advice/", rows[i].name, NULL);
        g_strdelimit(path + strlen("/advice/"), "/", '-');
        g_test_add_data_func(path, &rows[i], test_row);
    }
    g_test_add_func("/advice/costs", test_costs);
    g_test_add_func("/advice/many", test_many);
    return g_test_run();
}
