"""Compares installed machines by their disks. Runs in a virtual machine of its own that has all the disks, and shares
no code with Hostler: what it knows of machines it asks util-linux, LVM and mdadm.

    python3 inspect.py SPEC.json RESULT.json

SPEC: {"source": "golden", "machines": {"golden": ["SERIAL", ...], ...}, "layouts_differ": true}
RESULT: {"entries": {machine: count}, "differences": {clone: [text]}, "shared": {"a b": [text]}, "leaks": {clone: [text]},
         "ids": {machine: {what: [values]}}, "volumes": {machine: [volumes of LVM, subvolumes of btrfs, its default]}}
"""

import hashlib
import json
import os
import re
import stat
import subprocess
import sys

# What a machine changes by living, or what must be its own. Everything else has to be equal, entry by entry.
OWN = [
    # Who it is.
    rb"etc/(hostname|hosts|machine-id|fstab|mtab|resolv\.conf|adjtime)",
    rb"etc/ssh/ssh_host_.*",
    rb"etc/network/interfaces",
    rb"var/lib/hostler(/.*)?",
    rb"var/lib/dbus/machine-id",
    rb"etc/lvm/(backup|archive|cache|devices)(/.*)?",
    rb"etc/mdadm/mdadm\.conf",
    # What its boot loader was made into.
    rb"boot/grub/(grub\.cfg|grubenv|device\.map|fonts|locale|x86_64-efi|i386-pc)(/.*)?",
    rb"boot/efi(/.*)?",
    # What it writes by running.
    rb"var/log(/.*)?",
    rb"var/(tmp|cache|spool)(/.*)?",
    rb"var/lib/(systemd|dhcp|private|logrotate|apt|update-notifier|dbus)(/.*)?",
    rb"(run|tmp|proc|sys|dev|xcatpost|lost\+found)(/.*)?",
    rb"root/\.(bash_history|cache)(/.*)?",
    # What SystemImager's own tools look for in an image; a golden client need not have it.
    rb"etc/systemimager(/.*)?",
    # Only the golden client of the laboratory has it: see golden-marks.ts.
    rb"opt/hostler/hostler-agent",
]
own = re.compile(rb"(?:%s)\Z" % b"|".join(OWN))

# Folders whose time moves with what is made in them; their owner, mode and attributes are compared.
MOVING = re.compile(rb"(?:|etc|etc/(ssh|network|lvm|mdadm|default|udev/rules\.d)|var|var/lib|var/lib/\w+|opt/hostler|boot|boot/grub|srv|root|home|mnt|media)\Z")


def run(*argv, check=True):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def by_serial(serial):
    for name in os.listdir("/sys/block"):
        try:
            if open(f"/sys/block/{name}/serial").read().strip() == serial:
                return f"/dev/{name}"
        except OSError:
            pass
    raise RuntimeError(f"no disk has the serial number {serial}")


def blkid(device):
    pairs = dict(line.split("=", 1) for line in run("blkid", "-p", "-o", "export", device, check=False).splitlines() if "=" in line)
    return pairs


class Machine:
    def __init__(self, name, serials):
        self.name, self.root = name, f"/run/m/{name}"
        self.disks = [by_serial(serial) for serial in serials]
        self.ids = {}
        self.lvm = ["--devices", ",".join(self.disks)]
        self.mounted = []
        self.volumes = []

    def note(self, what, *values):
        self.ids.setdefault(what, []).extend(value for value in values if value)

    def assemble(self):
        devices = []
        for disk in self.disks:
            table = json.loads(run("sfdisk", "--json", disk))["partitiontable"]
            self.note("table", table["id"].lower())
            for part in table["partitions"]:
                devices.append(part["node"])
                self.note("partition", part.get("uuid", "").lower())
        members = [device for device in devices if blkid(device).get("TYPE") == "linux_raid_member"]
        self.arrays = []
        if members:
            array = f"/dev/md{100 + len(os.listdir('/run/m'))}"
            run("mdadm", "--assemble", "--run", array, *members)
            self.arrays.append(array)
            self.note("raid", *re.findall(r"^MD_UUID=(.*)$", run("mdadm", "--detail", "--export", array), re.M))
            devices = [device for device in devices if device not in members] + [array]
        holders = [device for device in devices if blkid(device).get("TYPE") == "LVM2_member"]
        self.groups = []
        if holders:
            self.lvm = ["--devices", ",".join(holders)]
            for line in run("lvm", "pvs", *self.lvm, "--noheadings", "-o", "pv_uuid,vg_uuid,vg_name").splitlines():
                pv, vg, name = line.split()
                self.note("pv", pv)
                self.note("vg", vg)
                self.groups.append(name)
            self.note("lv", *run("lvm", "lvs", *self.lvm, "--noheadings", "-o", "lv_uuid").split())
            for group in set(self.groups):
                run("lvm", "vgchange", *self.lvm, "--config", "activation{udev_sync=0 udev_rules=0}", "-a", "y", group)
                run("lvm", "vgmknodes", *self.lvm, check=False)
                names = run("lvm", "lvs", *self.lvm, "--noheadings", "-o", "lv_name", group).split()
                self.volumes += sorted(names)
                devices += [f"/dev/{group}/{name}" for name in names]
            devices = [device for device in devices if device not in holders]
        self.by_uuid = {}
        for device in devices:
            about = blkid(device)
            if "UUID" in about:
                self.by_uuid[about["UUID"].lower()] = (device, about["TYPE"])
                self.note("filesystem", about["UUID"].lower())

    def mount(self):
        os.makedirs(self.root, exist_ok=True)
        for device, kind in self.by_uuid.values():
            if kind in ("swap", "vfat"):
                continue
            for option in ("ro", "ro,subvol=@"):
                subprocess.run(["mount", "-t", kind, "-o", option, device, self.root], stderr=subprocess.DEVNULL)
                if os.path.exists(f"{self.root}/etc/fstab") and os.path.isdir(f"{self.root}/usr"):
                    self.mounted.append(self.root)
                    if kind == "btrfs":
                        lines = run("btrfs", "subvolume", "list", self.root).splitlines()
                        self.volumes += sorted(line.split(" path ", 1)[1] for line in lines)
                        first = run("btrfs", "subvolume", "get-default", self.root).strip()
                        self.volumes.append("default " + first.split(" path ", 1)[-1])
                    return self.mount_rest()
                subprocess.run(["umount", self.root], stderr=subprocess.DEVNULL)
        raise RuntimeError(f"{self.name} has no root file system")

    def mount_rest(self):
        lines = [line.split() for line in open(f"{self.root}/etc/fstab") if line.strip() and not line.startswith("#")]
        for source, at, kind, options, *_ in sorted(lines, key=lambda line: line[1]):
            if at in ("/", "none") or kind in ("swap", "tmpfs", "proc", "nfs"):
                continue
            uuid = source.replace("UUID=", "").lower()
            if uuid not in self.by_uuid:
                raise RuntimeError(f"{self.name}: fstab mounts {source} on {at}, and no disk has it")
            more = [option for option in options.split(",") if option.startswith("subvol=")]
            run("mount", "-t", kind, "-o", ",".join(["ro", *more]), self.by_uuid[uuid][0], self.root + at)
            self.mounted.append(self.root + at)

    def release(self):
        for place in reversed(self.mounted):
            run("umount", place)
        for group in set(self.groups):
            run("lvm", "vgchange", *self.lvm, "--config", "activation{udev_sync=0 udev_rules=0}", "-a", "n", group)
        for array in self.arrays:
            run("mdadm", "--stop", array)

    def walk(self):
        """path → what it is; hard links are known by the least path of their inode."""
        root = os.fsencode(self.root)
        found, inodes = {}, {}
        for folder, names, files in os.walk(root):
            for name in [b"."] + names + files if folder == root else names + files:
                full = os.path.join(folder, name)
                path = b"" if name == b"." else os.path.relpath(full, root)
                if own.match(path):
                    continue
                about = os.lstat(full)
                found[path] = [stat.S_IFMT(about.st_mode), stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid]
                is_folder = stat.S_ISDIR(about.st_mode)
                if not (is_folder and MOVING.match(path)):
                    found[path].append(about.st_mtime_ns)
                if stat.S_ISREG(about.st_mode):
                    inodes.setdefault((about.st_dev, about.st_ino), []).append(path)
                    found[path] += [about.st_size, content(full)]
                elif stat.S_ISLNK(about.st_mode):
                    found[path].append(os.readlink(full).hex())
                elif not is_folder:
                    found[path].append(about.st_rdev)
                found[path].append({name: os.getxattr(full, name, follow_symlinks=False).hex() for name in os.listxattr(full, follow_symlinks=False)})
                if path == b"srv/sparse":
                    found[path].append(about.st_blocks < 1000)
            names[:] = [name for name in names if not own.match(os.path.relpath(os.path.join(folder, name), root) + b"/x")]
        for paths in inodes.values():
            for path in paths:
                found[path].append(sorted(path.hex() for path in paths))
        return found

    def identity(self):
        read = lambda path: open(f"{self.root}/{path}", errors="replace").read()
        self.note("machine-id", read("etc/machine-id").strip())
        self.note("hostname", read("etc/hostname").strip())
        for name in sorted(os.listdir(f"{self.root}/etc/ssh")):
            if name.startswith("ssh_host_") and name.endswith(".pub"):
                self.note("host-key", read(f"etc/ssh/{name}").split()[1])
        self.note("mac", *re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", read("etc/network/interfaces")))
        for folder, _, files in os.walk(f"{self.root}/var/lib/hostler"):
            for name in files:
                text = open(os.path.join(folder, name), errors="replace").read(200000)
                # The authority's certificate is everybody's; the first of a chain is the machine's own.
                # Line ends may be written as \n, as JSON has them.
                self.note("agent", *re.findall(r"-----BEGIN (?:EC )?PRIVATE KEY-----(?:\s|\\n)*([^-]+?)(?:\s|\\n)*-----END", text))
        for seed in ("var/lib/systemd/random-seed",):
            if os.path.exists(f"{self.root}/{seed}"):
                self.note("random-seed", content(f"{self.root}/{seed}"))

    def holding(self, words):
        """Files that speak of another machine."""
        found = []
        for top in ("etc", "boot", "opt", "var/lib", "root", "usr/local", "srv"):
            for folder, _, files in os.walk(os.path.join(self.root, top)):
                for name in files:
                    path = os.path.join(folder, name)
                    if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > 4 << 20:
                        continue
                    text = open(path, "rb").read().lower()
                    found += [f"{path[len(self.root):]} holds {word}" for word in words if word.lower().encode() in text]
        return found


def content(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def differences(source, clone):
    """One line an entry."""
    lines = []
    for path in sorted(source.keys() | clone.keys()):
        one, other = source.get(path), clone.get(path)
        if one is None or other is None:
            lines.append(f"{path!r} is only {'in the clone' if one is None else 'in the source'}")
        elif one != other:
            lines.append(f"{path!r}: {[(a, b) for a, b in zip(one, other) if a != b] or (one, other)}")
    return lines


def main():
    spec = json.load(open(sys.argv[1]))
    result = {"entries": {}, "differences": {}, "shared": {}, "leaks": {}, "ids": {}, "volumes": {}}
    trees, source = {}, None
    order = [spec["source"], *[name for name in spec["machines"] if name != spec["source"]]]
    for name in order:
        machine = Machine(name, spec["machines"][name])
        machine.assemble()
        machine.mount()
        machine.identity()
        trees[name] = machine.walk()
        print(f"{name}: {len(trees[name])} entries", flush=True)
        result["entries"][name] = len(trees[name])
        result["ids"][name] = machine.ids
        result["volumes"][name] = machine.volumes
        if source is None:
            source = machine
        else:
            result["differences"][name] = differences(trees[spec["source"]], trees[name])[:200]
            # A name like "golden" may stand in anything; it is looked for by the fields above.
            words = [value for what, values in source.ids.items() if what not in ("hostname", "random-seed") for value in values]
            result["leaks"][name] = machine.holding(words)[:200]
        machine.release()
    for index, one in enumerate(order):
        for other in order[index + 1:]:
            both = [
                f"{what}: {value}"
                for what, values in result["ids"][one].items()
                for value in values
                if value in result["ids"][other].get(what, [])
            ]
            result["shared"][f"{one} {other}"] = both
    json.dump(result, open(sys.argv[2], "w"))


main()
