"""How each runtime is told to run a shell script in a root directory. Each function returns an argument vector."""

import json
import pathlib
import shlex
import shutil
import subprocess

# Capabilities that docker gives by default, so that root in a container is the root that images expect.
CAPABILITIES = ["CAP_" + word for word in (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
).split()]

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def in_cgroup2(argv):
    """crun refuses the hybrid set-up of cgroups; where that is what there is, it gets a mount namespace without it."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", "/sys/fs/cgroup"], capture_output=True, text=True, check=False)
    if kind.stdout.strip() == "cgroup2fs":
        return argv
    script = "umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec " + shlex.join(argv)
    return ["unshare", "--mount", "sh", "-c", script]


def chroot(root, uid, script, scratch, name):
    return ["chroot", f"--userspec={uid}:{uid}", f"--groups={uid}", str(root), "/bin/sh", "-c", script]


def unshare(root, uid, script, scratch, name):
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--root={root}", "--mount-proc",
            f"--setuid={uid}", f"--setgid={uid}", "/bin/sh", "-c", script]


def bubblewrap(root, uid, script, scratch, name):
    """As an ordinary user bwrap makes a user namespace in which the user keeps his number."""
    who = [] if uid == 0 else ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return who + ["bwrap", "--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--unshare-pid",
                  "--die-with-parent", "--chdir", "/", "/bin/sh", "-c", script]


def nspawn(root, uid, script, scratch, name):
    # Without a system bus there is nowhere to register; --keep-unit because there is no unit to make.
    user = ["--user=app"] if uid else []
    return ["systemd-nspawn", "--quiet", f"--directory={root}", f"--machine={name}", "--register=no", "--keep-unit",
            "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--pipe", *user, "/bin/sh", "-c", script]


def write_bundle(root, uid, script, scratch, readonly):
    """`runc spec`'s own default, with the root as it is and what the test wants."""
    bundle = pathlib.Path(scratch) / "bundle"
    bundle.mkdir()
    subprocess.run(["runc", "spec", "--bundle", str(bundle)], check=True)
    path = bundle / "config.json"
    spec = json.loads(path.read_text())
    spec["root"] = {"path": str(root), "readonly": readonly}
    spec["hostname"] = "rofuse-test"
    capabilities = {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}
    spec["process"].update(terminal=False, args=["/bin/sh", "-c", script], cwd="/", user={"uid": uid, "gid": uid},
                           env=[f"PATH={PATH}"], capabilities=capabilities, rlimits=[])
    path.write_text(json.dumps(spec))
    return bundle


def runc(root, uid, script, scratch, name, readonly=False):
    bundle = write_bundle(root, uid, script, scratch, readonly)
    return ["runc", "--root", f"{scratch}/runc", "run", "--bundle", str(bundle), name]


def crun(root, uid, script, scratch, name, readonly=False):
    bundle = write_bundle(root, uid, script, scratch, readonly)
    return in_cgroup2(["crun", "--root", f"{scratch}/crun", "--cgroup-manager=disabled", "run", "--bundle", str(bundle),
                       name])


def podman(root, uid, script, scratch, name, readonly=False):
    base = pathlib.Path(scratch) / "podman"
    base.mkdir()
    (base / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{base}/graph"\nrunroot = "{base}/run"\n')
    # What a machine without systemd, without a network of containers and without CAP_SYS_RESOURCE can do.
    (base / "containers.conf").write_text(
        '[containers]\ncgroups = "disabled"\nnetns = "host"\nlog_driver = "none"\ndefault_sysctls = []\n'
        'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
        f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "crun"\ntmp_dir = "{base}/tmp"\n')
    command = ["env", f"CONTAINERS_CONF={base}/containers.conf", f"CONTAINERS_STORAGE_CONF={base}/storage.conf",
               "podman", "run", "--rm", "--interactive", f"--name={name}", f"--user={uid}:{uid}"]
    if readonly:
        command += ["--read-only", "--read-only-tmpfs=false"]
    return in_cgroup2(command + ["--rootfs", str(root), "/bin/sh", "-c", script])


PROGRAMS = {"chroot": chroot, "unshare": unshare, "bwrap": bubblewrap, "systemd-nspawn": nspawn, "runc": runc,
            "crun": crun, "podman": podman}
READONLY = {"runc": runc, "crun": crun, "podman": podman}


def missing(program):
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None
