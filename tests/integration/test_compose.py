"""Compose files as people have them, read by `rofuse config`: what is understood, and what is said of mistakes."""

import subprocess

import pytest
import rofuse_test
from compose_config import config, notes, refused, routes, run, write


@pytest.fixture
def shop(scratch):
    directory = scratch / "shop"
    directory.mkdir()
    return directory


# Files as they are found in public, in our own words: name -> (text, service, what must be understood, routes).
REAL = {
    "memo": ("""
services:
  api:
    image: memo:1
    build:
      context: .
      dockerfile: Dockerfile
    read_only: true
    user: node
    environment:
      DATA_DIR: /data
      PORT: "3000"
    ports:
      - "127.0.0.1:3000:3000"
    tmpfs:
      - /tmp:mode=1777
    volumes:
      - type: volume
        source: api-data
        target: /data
    healthcheck:
      test: ["CMD", "wget", "-q", "-O-", "http://127.0.0.1:3000/health"]
      interval: 10s
volumes:
  api-data:
""", None, {"image": "memo:1", "user": "node", "environment": ["DATA_DIR=/data", "PORT=3000"], "command": None,
            "entrypoint": None, "read_only": True, "project": "shop", "service": "api", "working_dir": None},
             ["tmpfs /tmp None noexec,nosuid,nodev,mode=1777", "volume /data shop_api-data "]),
    "blog": ("""
version: "3.8"
x-logging: &logging
  logging:
    driver: json-file
    options: {max-size: "10m", max-file: "3"}
services:
  web:
    <<: *logging
    image: wordpress:6-php8.2-apache
    depends_on:
      db:
        condition: service_healthy
    restart: unless-stopped
    ports: [8080:80]
    environment: &wordpress
      WORDPRESS_DB_HOST: db
      WORDPRESS_DB_USER: ${DB_USER:-wp}
      WORDPRESS_DB_PASSWORD: ${DB_PASSWORD:?set DB_PASSWORD}
      WORDPRESS_DEBUG: 0
    volumes:
      - html:/var/www/html
      - ./uploads.ini:/usr/local/etc/php/conf.d/uploads.ini:ro
  cron:
    image: wordpress:6-php8.2-apache
    entrypoint: /bin/sh -c
    command: ['while :; do php /var/www/html/wp-cron.php; sleep 300; done']
    environment:
      <<: *wordpress
      WORDPRESS_DEBUG: 1
    volumes: ["html:/var/www/html"]
    deploy: {resources: {limits: {memory: 256M}}}
  db:
    <<: *logging
    image: mariadb:11
    environment: [MARIADB_ROOT_PASSWORD]
    volumes: [db:/var/lib/mysql]
    healthcheck: {test: ["CMD", "healthcheck.sh"], retries: 5}
    tmpfs: /run/mysqld
volumes:
  html: {}
  db:
    name: blog-database
networks:
  default:
    driver: bridge
""", "cron", {"entrypoint": ["/bin/sh", "-c"],
              "command": ["while :; do php /var/www/html/wp-cron.php; sleep 300; done"],
              "environment": ["WORDPRESS_DEBUG=1", "WORDPRESS_DB_HOST=db", "WORDPRESS_DB_USER=wp",
                              "WORDPRESS_DB_PASSWORD=secret"]},
             ["volume /var/www/html shop_html "]),
    "proxy": ("""
name: edge
services:
  proxy:
    image: nginx:${NGINX_TAG-1.27}
    read_only: true
    user: "101:101"
    command: ["nginx", "-g", "daemon off;"]
    stop_signal: SIGQUIT
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    tmpfs:
      - /var/cache/nginx:uid=101,gid=101,size=64m
      - /run:mode=0755,uid=101
    volumes:
      - type: bind
        source: ./conf.d
        target: /etc/nginx/conf.d
        read_only: true
        bind: {create_host_path: false, selinux: z}
      - type: tmpfs
        target: /tmp
        tmpfs: {size: 16777216, mode: 0o1777}
      - certs:/etc/letsencrypt:ro
    networks: {front: {aliases: [www]}}
    labels:
      - "com.example.tier=edge"
networks: {front: }
volumes:
  certs: {external: true, name: site-certs}
""", "proxy", {"image": "nginx:1.27", "project": "edge", "user": "101:101", "command": ["nginx", "-g", "daemon off;"],
               "stop_signal": "SIGQUIT", "external_volumes": ["site-certs"]},
              ["tmpfs /var/cache/nginx None noexec,nosuid,nodev,size=64m,uid=101,gid=101",
               "tmpfs /run None noexec,nosuid,nodev,mode=0755,uid=101",
               "bind /etc/nginx/conf.d @/shop/conf.d ro",
               "tmpfs /tmp None noexec,nosuid,nodev,size=16m,mode=1777",
               "volume /etc/letsencrypt site-certs ro"]),
    "queue": ("""
x-worker: &worker
  image: app
  init: true
  tty: yes
  stdin_open: false
  working_dir: /srv/app
  hostname: worker
  environment:
    - RAILS_ENV=production
    - SECRET=$$not-a-variable
    - QUEUE
  profiles: [jobs]
services:
  one: {<<: *worker, command: bundle exec sidekiq -q "low priority"}
  two:
    <<: *worker
    entrypoint: []
    user: ""
""", "one", {"init": True, "tty": True, "stdin_open": False, "working_dir": "/srv/app", "hostname": "worker",
             "command": ["bundle", "exec", "sidekiq", "-q", "low priority"], "entrypoint": None,
             "environment": ["RAILS_ENV=production", "SECRET=$not-a-variable", "QUEUE=mail"]}, []),
}


@pytest.mark.parametrize("name", REAL)
def test_real_life(shop, name):
    text, service, wanted, places = REAL[name]
    write(shop, {"compose.yaml": text})
    words = ["--service", service] if service is not None else []
    understood = config(shop, *words, env={"DB_PASSWORD": "secret", "QUEUE": "mail"})
    assert {key: understood[key] for key in wanted} == wanted
    assert routes(understood) == [place.replace("@/shop", str(shop)) for place in places]
    assert understood["schema"] == "rofuse.config/1"
    assert understood["file"] == str(shop / "compose.yaml")
    text = run(shop, *words, env={"DB_PASSWORD": "secret"})
    assert text.returncode == 0
    for place in places:
        assert place.split()[1] in text.stdout


def test_required_variable_of_a_file_from_life(shop):
    write(shop, {"compose.yaml": REAL["blog"][0]})
    assert refused(shop, "--service", "web") == ("compose.yaml:19:30: the variable DB_PASSWORD is not set: set DB_PASSWORD; "
                                                 "set it in the environment or in .env")


def test_text_for_people(shop):
    write(shop, {"compose.yaml": REAL["proxy"][0]})
    text = run(shop).stdout
    assert 'command  nginx -g "daemon off;"\n' in text
    assert "external site-certs\n" in text
    assert text.startswith("proxy\n  file     ")
    write(shop, {"compose.yaml": "services: {a: {entrypoint: [], command: ['a b', \"\\x1b[0m\"]}}"})
    text = run(shop).stdout
    assert "entry    (none)\n" in text
    assert 'command  "a b" \\x1b[0m\n' in text
    assert "routes   none: everything is read-only\n" in text


# --- which files


def test_usual_names_and_parents(shop):
    deep = shop / "src" / "lib"
    deep.mkdir(parents=True)
    assert "there is no compose.yaml, compose.yml, docker-compose.yaml" in refused(deep)
    for name in ["docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"]:
        write(shop, {name: f"services: {{a: {{image: {name}}}}}"})
        assert config(deep)["image"] == name
    write(deep, {"docker-compose.yml": "services: {a: {image: near}}"})
    assert config(deep)["image"] == "near"
    assert config(deep)["project"] == "lib"


def test_override_file_beside_it(shop):
    write(shop, {"compose.yaml": "services: {a: {image: one, user: u}}",
                 "compose.override.yaml": "services: {a: {image: two}}",
                 "other/compose.yaml": "services: {a: {image: three}}"})
    assert config(shop)["image"] == "two"
    assert config(shop)["user"] == "u"
    assert config(shop, "--compose", "compose.yaml")["image"] == "one"
    assert config(shop / "other")["image"] == "three"


def test_several_files(shop):
    write(shop, {"base.yaml": """
services:
  api:
    image: api:1
    command: [serve, --slow]
    environment: {A: 1, B: 2}
    tmpfs: /tmp
    volumes: ["data:/data", "./conf:/etc/api:ro"]
    env_file: one.env
volumes: {data: }
""", "prod/over.yaml": """
services:
  api:
    image: api:2
    command: [serve]
    environment: [B=3, C=4]
    tmpfs: ["/run", "/tmp:size=1m"]
    volumes:
      - {type: tmpfs, target: /data}
      - ./extra:/extra
    env_file: [two.env]
    user: !reset null
volumes:
  data: {name: real}
""", "one.env": "ONE=1\nA=0\n", "two.env": "TWO=2\nONE=2\n"})
    understood = config(shop, "--compose", "base.yaml", "--compose", "prod/over.yaml")
    assert understood["image"] == "api:2"
    assert understood["command"] == ["serve"]
    assert understood["environment"] == ["ONE=2", "A=1", "TWO=2", "B=3", "C=4"]
    # Relative paths start from the first file's directory.
    assert routes(understood) == ["tmpfs /run None noexec,nosuid,nodev", "tmpfs /tmp None noexec,nosuid,nodev,size=1m",
                                  f"bind /etc/api {shop}/conf ro", "tmpfs /data None noexec,nosuid,nodev",
                                  f"bind /extra {shop}/extra "]
    assert refused(shop, "--compose", "base.yaml", "--compose", "nope.yaml", status=1) == (
        f"{shop}/nope.yaml: No such file or directory; name a file that is there")


def test_reset_and_override(shop):
    write(shop, {"compose.yaml": """
services:
  a: {image: i, user: u, tmpfs: [/tmp], environment: {A: 1, B: 2}, volumes: ["/x", "/y"], command: c}
""", "o.yaml": """
services:
  a:
    user: !reset null
    environment: {A: !reset null}
    volumes: !override ["/z"]
    tmpfs: !reset []
    command:
"""})
    understood = config(shop, "--compose", "compose.yaml", "--compose", "o.yaml")
    assert (understood["user"], understood["environment"], understood["command"]) == (None, ["B=2"], None)
    assert routes(understood) == ["volume /z None "]


def test_file_elsewhere(shop, scratch):
    write(shop, {"stack.yml": """
services: {a: {volumes: ["./x:/x", "d:/d"], env_file: vars/a.env, x-rofuse: {image: "oci-archive:img.tar:t"}}}
volumes: {d: }
""", ".env": "TAG=from-shop\n", "vars/a.env": "V=${TAG}\n"})
    write(scratch, {".env": "TAG=from-outside\n"})
    understood = config(scratch, "--compose", "shop/stack.yml")
    assert routes(understood) == [f"bind /x {shop}/x ", "volume /d shop_d "]
    assert understood["environment"] == ["V=from-shop"]
    assert understood["source"] == f"oci-archive:{shop}/img.tar:t"


def test_symlinks_are_followed_where_they_lead(shop, scratch):
    """The directory is that of the name that was given, as docker compose takes it."""
    write(scratch, {"real/compose.yaml": "services: {a: {volumes: ['./x:/x'], env_file: e}}", "real/e": "E=real",
                    "shop/e": "E=shop"})
    (shop / "compose.yaml").symlink_to("../real/compose.yaml")
    understood = config(shop)
    assert routes(understood) == [f"bind /x {shop}/x "]
    assert (understood["project"], understood["environment"]) == ("shop", ["E=shop"])
    (shop / "compose.yaml").unlink()
    (shop / "compose.yaml").symlink_to("compose.yaml")
    assert "there is no compose.yaml" in refused(shop)
    assert refused(shop, "--compose", "compose.yaml", status=1).endswith("Too many levels of symbolic links")


@pytest.mark.parametrize("how, project", [
    ({"words": ["--project-name", "given"], "env": {"COMPOSE_PROJECT_NAME": "env"}}, "given"),
    ({"env": {"COMPOSE_PROJECT_NAME": "env"}}, "env"),
    ({"dotenv": "COMPOSE_PROJECT_NAME=dot\n"}, "dot"),
    ({"text": "name: ${N:-said}\n"}, "said"),
    ({}, "myshop2"),
])
def test_project_name(scratch, how, project):
    directory = scratch / "My Shop_2".replace("_", "")
    write(directory, {"compose.yaml": how.get("text", "") + "services: {a: {volumes: ['d:/d']}}\nvolumes: {d: }"})
    if "dotenv" in how:
        write(directory, {".env": how["dotenv"]})
    understood = config(directory, *how.get("words", []), env=how.get("env"))
    assert understood["project"] == project
    assert understood["routes"][0]["source"] == f"{project}_d"


def test_project_name_as_a_variable(shop):
    write(shop, {"compose.yaml": "services: {a: {image: 'x:$COMPOSE_PROJECT_NAME', environment: [COMPOSE_PROJECT_NAME]}}"})
    assert config(shop)["image"] == "x:shop"
    assert config(shop, "--project-name", "p")["environment"] == ["COMPOSE_PROJECT_NAME=p"]
    write(shop, {"over.yaml": "name: late\nservices: {a: {user: '$COMPOSE_PROJECT_NAME'}}"})
    understood = config(shop, "--compose", "compose.yaml", "--compose", "over.yaml")
    assert (understood["project"], understood["image"], understood["user"]) == ("late", "x:shop", "late")


def test_files_of_the_environment(shop):
    write(shop, {"compose.yaml": "services: {a: {image: usual}}", "x.yaml": "services: {a: {image: x, user: x}}",
                 "y.yaml": "services: {a: {image: y}}"})
    assert config(shop, env={"COMPOSE_FILE": "x.yaml:y.yaml"})["image"] == "y"
    assert config(shop, env={"COMPOSE_FILE": "y.yaml,x.yaml", "COMPOSE_PATH_SEPARATOR": ","})["image"] == "x"
    assert config(shop, "--compose", "compose.yaml", env={"COMPOSE_FILE": "x.yaml"})["image"] == "usual"
    assert config(shop, env={"COMPOSE_FILE": ""})["image"] == "usual"
    assert "COMPOSE_FILE: the file is empty" in refused(shop, env={"COMPOSE_FILE": "x.yaml:"})


def test_wrong_project_names(shop, scratch):
    write(shop, {"compose.yaml": "services: {a: {}}"})
    assert "the project: Shop is no project's name" in refused(shop, "--project-name", "Shop")
    assert "COMPOSE_PROJECT_NAME: a/b is no project's" in refused(shop, env={"COMPOSE_PROJECT_NAME": "a/b"})
    write(scratch, {"---/compose.yaml": "services: {a: {}}"})
    assert "gives no project's name; write name: NAME" in refused(scratch / "---")


# --- variables


def test_dotenv_and_environment(shop):
    write(shop, {"compose.yaml": """
services:
  a:
    image: "${IMAGE}:${TAG:-latest}"
    environment: {FROM_FILE: , BOTH: , OUTSIDE: , UNSET: , PLAIN: "$BOTH"}
""", ".env": "IMAGE=app\nFROM_FILE=file\nBOTH=file\nexport OTHER=\"x ${BOTH}\" # comment\n"})
    understood = config(shop, env={"BOTH": "process", "OUTSIDE": "o"})
    assert understood["image"] == "app:latest"
    assert understood["environment"] == ["FROM_FILE=file", "BOTH=process", "OUTSIDE=o", "PLAIN=process"]


def test_variables_that_are_not_set_are_told_of_once(shop):
    write(shop, {"compose.yaml": """
services:
  a:
    read_only: true
    hostname: "x$TAG"
    environment: {T: $TAG, U: "$USER_ID", V: "${NO:-}"}
"""})
    assert notes(shop) == ["compose.yaml:5:15: the variable TAG is not set, it counts as empty",
                           "compose.yaml:6:31: the variable USER_ID is not set, it counts as empty"]


def test_very_many_variables_that_are_not_set(shop):
    write(shop, {"compose.yaml": "services: {a: {read_only: true, environment: [" +
                                 ",".join(f"A=$V{n}" for n in range(1000)) + "]}}"})
    told = notes(shop)
    assert len(told) == 21 and told[-1] == "980 more variables are not set"


def test_keys_are_not_interpolated_and_values_not_twice(shop):
    write(shop, {"compose.yaml": "services: {a: {environment: {$K: \"$V\", L: '$$$V'}}}"})
    assert config(shop, env={"K": "k", "V": "$W ${"})["environment"] == ["$K=$W ${", "L=$$W ${"]


def test_bytes_that_are_no_text(shop):
    write(shop, {"compose.yaml": "services: {a: {environment: [B]}}"})
    understood = config(shop, env={"B": "x\udcffy"})
    assert understood["environment"] == ["B=x\\xffy"]
    assert understood["environment_bytes"] == ["Qj14/3k="]


def test_env_files(shop):
    write(shop, {"compose.yaml": """
services:
  a:
    env_file:
      - a.env
      - {path: missing.env, required: false}
      - {path: raw.env, format: raw}
    environment: {B: over}
""", "a.env": "A=1\nB=2\nC=\"${A}${X:-x}\"\nHOST\nGONE\nM='1\n2'\n", "raw.env": "R=\"$A\"\n"})
    assert config(shop, env={"HOST": "h"})["environment"] == ["A=1", "B=over", "C=1x", "HOST=h", "M=1\n2", 'R="$A"']
    write(shop, {"compose.yaml": "services:\n  a:\n    env_file: [a.env, missing.env]\n"})
    assert refused(shop, status=1) == ("compose.yaml:3:23: services.a.env_file[1]: " + f"{shop}/missing.env: "
                                       "No such file or directory; name a file that is there")
    write(shop, {"a.env": "A=1\nB C\n"})
    assert refused(shop) == "a.env:2:3: after the name B neither = nor the end of the line follows; write B=VALUE"
    write(shop, {"compose.yaml": "services: {a: {}}", ".env": "A='\n"})
    assert refused(shop) == ".env:1:3: the quote is never closed; close it with '"


# --- extends


def test_extends_from_another_directory(shop, scratch):
    write(scratch, {"shop/compose.yaml": """
services:
  api:
    extends: {file: ../common/base.yaml, service: web}
    environment: {B: api}
    volumes: ["data:/data"]
volumes: {data: }
""", "common/base.yaml": """
services:
  web:
    extends: root
    env_file: web.env
    volumes: ["./conf:/etc/web:ro", "scratch:/data"]
    environment: {A: web, B: web}
  root:
    extends: {file: deeper/root.yaml, service: root}
""", "common/deeper/root.yaml": "services: {root: {image: 'r:${TAG}', volumes: ['./here:/here'], read_only: true}}",
                    "common/web.env": "W=1\n", "shop/.env": "TAG=5\n"})
    understood = config(shop)
    assert (understood["image"], understood["read_only"]) == ("r:5", True)
    assert understood["environment"] == ["W=1", "A=web", "B=api"]
    assert routes(understood) == [f"bind /here {shop}/../common/deeper/here ",
                                  f"bind /etc/web {shop}/../common/conf ro", "volume /data shop_data "]


@pytest.mark.parametrize("files, line", [
    ({"compose.yaml": "services:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: a}"},
     "compose.yaml:4:16: services.c.extends: a extends itself, by way of this; break the circle"),
    ({"compose.yaml": "services:\n  a: {extends: {file: b.yaml, service: b}}",
      "b.yaml": "services:\n  b: {extends: {file: c.yaml, service: c}}",
      "c.yaml": "services:\n  c: {extends: {file: b.yaml, service: b}}"},
     "c.yaml:2:40: services.c.extends: b extends itself, by way of this; break the circle"),
    ({"compose.yaml": "services:\n  a: {extends: {file: compose.yaml, service: a}}"},
     "compose.yaml:2:46: services.a.extends: a extends itself, by way of this; break the circle"),
    ({"compose.yaml": "services:\n  a: {extends: {file: b.yaml, service: c}}", "b.yaml": "services: {b: {}}"},
     "compose.yaml:2:40: services.a.extends: there is no service c in b.yaml; correct the name, or add file:"),
    ({"compose.yaml": "services:\n  a: {extends: {file: b.yaml, service: b}}", "b.yaml": "services:\n  b: {usre: x}"},
     "b.yaml:2:7: services.b: unknown key usre; did you mean user?"),
])
def test_wrong_extends(shop, files, line):
    write(shop, files)
    assert refused(shop, "--service", "a") == line


def test_extends_of_a_missing_file(shop):
    write(shop, {"compose.yaml": "services:\n  a: {extends: {file: b.yaml, service: c}}"})
    assert refused(shop, status=1) == f"compose.yaml:2:23: services.a.extends.file: {shop}/b.yaml: No such file or directory; name a file that is there"


# --- the command


def test_places_of_the_command_line_count_first(shop):
    write(shop, {"compose.yaml": "services: {a: {tmpfs: [/tmp, /run], volumes: ['d:/data']}}\nvolumes: {d: }"})
    understood = config(shop, "--tmpfs", "/tmp:size=1m", "-v", "/srv/data:/data:ro", "--mount", "target=/new")
    assert routes(understood) == ["tmpfs /run None noexec,nosuid,nodev", "tmpfs /tmp None noexec,nosuid,nodev,size=1m",
                                  "bind /data /srv/data ro", "volume /new None "]
    assert "unknown option" in refused(shop, "--tmpfs", "/tmp:siez=1m")


def test_note_on_services_that_do_not_say_read_only(shop):
    write(shop, {"compose.yaml": "services: {a: {user: x}, b: {read_only: true}}"})
    assert notes(shop, "--service", "b") == []
    assert notes(shop, "--service", "a") == [f'{shop}/compose.yaml: the service a has no "read_only: true"; its root is read-only '
                                             "here all the same"]
    write(shop, {"compose.yaml": "services: {b: {read_only: true, image: nowhere}}"})
    (note,) = notes(shop)
    assert note.startswith("compose.yaml:1:40: services.b.image: there is no image nowhere in ")
    write(shop, {"compose.yaml": "services:\n  b:\n    read_only: true\n    image: nowhere\n    x-rofuse:\n      image: oci:gone\n"})
    (note,) = notes(shop)
    assert note.startswith(f"compose.yaml:6:14: services.b.x-rofuse.image: {shop}/gone")
    write(shop, {"compose.yaml": "services: {b: {read_only: true, x-rofuse: {image: 'docker://x'}}}"})
    assert refused(shop).startswith("compose.yaml:1:51: services.b.x-rofuse.image docker://x: such images are not read")
    asked = subprocess.run([rofuse_test.BINARY, "config", "--image", "nowhere"], capture_output=True, text=True, cwd=shop, check=False)
    assert (asked.returncode, asked.stdout) == (1, "") and asked.stderr.startswith("rofuse: there is no image nowhere in "), asked


def test_wrong_arguments(shop):
    write(shop, {"compose.yaml": "services: {a: {}, b: {}}"})
    assert refused(shop) == f"{shop}/compose.yaml has several services; choose one with --service: a, b"
    assert refused(shop, "--service", "c") == f"{shop}/compose.yaml: there is no service c; there are: a, b"
    assert refused(shop, "--service", "nginx:1").endswith("there are: a, b; an image is named with --image nginx:1")
    assert "--service NAME" in refused(shop, "a")
    assert "--compose: the value is empty" in refused(shop, "--compose", "")
    assert "no image is named" in refused(shop, "--layer", ".", "--platform", "linux/arm64")
    assert "has no platforms" in refused(shop, "--image", ".", "--platform", "linux/arm64")
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = subprocess.run([rofuse_test.BINARY, "config", "--service", "a"], stdout=full, stderr=subprocess.PIPE,
                                cwd=shop, check=False, text=True)
    assert result.returncode == 1 and "cannot write to stdout" in result.stderr
