import { mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../tools/step.ts';
import { dist } from '../tools/real-manager.ts';
import { run } from '../../shared/process/run.ts';

/** Serial number of the disk that tells a machine that it is the golden client, and as whom it joins. */
export const goldenSerial = 'labgolden';

/** On a machine with such a disk the agent is the one of this test run, and joins the manager of this run. */
const beGolden = `#!/bin/sh
udevadm settle --timeout=30
disk=/dev/disk/by-id/virtio-${goldenSerial}
[ -e "$disk" ] || exit 0
mkdir -p /run/lab && tar -x -f "$disk" -C /run/lab || exit 1
cmp -s /run/lab/token /var/lib/hostler/lab-token || {
  rm -rf /var/lib/hostler && mkdir -m 0700 -p /var/lib/hostler
  cp /run/lab/token /var/lib/hostler/lab-token
}
cp /run/lab/hostler-agent /opt/hostler/hostler-agent.new && mv /opt/hostler/hostler-agent.new /opt/hostler/hostler-agent
mkdir -p /run/systemd/system/hostler-agent.service.d
cp /run/lab/golden.conf /run/systemd/system/hostler-agent.service.d/golden.conf
systemctl daemon-reload
`;
const beGoldenUnit = `[Unit]
Description=Test laboratory: whose golden client this machine is
After=local-fs.target systemd-udevd.service
Before=hostler-agent.service
[Service]
Type=oneshot
ExecStart=/opt/lab/golden
[Install]
WantedBy=multi-user.target
`;

/** Said on the console once a machine is up. */
const tell = `#!/bin/sh
echo "TELL name=$(hostname) id=$(cat /etc/machine-id) root=$(findmnt -n -o SOURCE,FSTYPE,SIZE / | tr -s ' ' ,) boot=$(findmnt -n -o FSTYPE /boot) ip=$(ip -4 -o addr show scope global | tr -s ' ' | cut -d' ' -f4) caps=$(getcap /usr/bin/marked | tr ' ' =) acl=$(getfacl -c -p /srv/marked | grep -c daemon) links=$(stat -c %h /srv/marked) key=$(sha256sum /etc/ssh/ssh_host_ed25519_key.pub | cut -c1-12) efi=$(test -d /sys/firmware/efi && echo yes || echo no) laid=$(ls /etc/lab 2>/dev/null | tr '\\n' ,) last=$(cat /etc/lab/last 2>/dev/null) scripts=$(tr ' \\n' ':,' 2>/dev/null </etc/lab/scripts) failed=$(systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | tr '\\n' ,) END" >/dev/ttyS0
`;
const tellUnit = `[Unit]
Description=Test laboratory: tells about this machine
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/opt/lab/tell
[Install]
WantedBy=multi-user.target
`;

/** Lets a test look and change something on a machine without the network: a shell on the second serial line. */
const shellUnit = `[Unit]
Description=Test laboratory: a shell for the test
ConditionPathExists=/dev/ttyS1
[Service]
# Through a pipe: on a terminal the shell would take itself for one that talks to somebody, and not end when told.
ExecStart=/bin/sh -c 'stty -F /dev/ttyS1 raw -echo 115200; cat /dev/ttyS1 | /bin/sh >/dev/ttyS1 2>&1'
Restart=always
TimeoutStopSec=2
[Install]
WantedBy=multi-user.target
`;

/** These machines have no screen: with graphics, GRUB complains of that and waits for a key before it goes on. */
const grub = `GRUB_TIMEOUT=0
GRUB_TERMINAL=console
GRUB_GFXPAYLOAD_LINUX=text
GRUB_CMDLINE_LINUX="console=ttyS0"
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_DISABLE_OS_PROBER=true
`;

/** What changes a golden client besides its tree and its disks; the agent is not in it. */
export const marksKey = [beGolden, beGoldenUnit, tell, tellUnit, shellUnit, grub].join('\n');

/** Makes an installed system of a golden tree: the agent, what tells about a machine, and what a careless copy would lose. */
export async function mark(tree: string): Promise<void> {
  const put = async (path: string, text: string | Buffer, mode = 0o644): Promise<void> => {
    await mkdir(join(tree, path, '..'), { recursive: true });
    await writeFile(join(tree, path), text, { mode });
  };
  const enable = async (unit: string): Promise<void> => {
    const wants = join(tree, 'etc/systemd/system/multi-user.target.wants');
    await mkdir(wants, { recursive: true });
    await symlink(`/etc/systemd/system/${unit}`, join(wants, unit));
  };
  await put('opt/hostler/hostler-agent', await readFile(join(dist, 'hostler-agent')), 0o755);
  await put('opt/hostler/agent.json', '{"mode":"stay"}\n');
  const unit = await readFile(join(root, 'agent/tasks/image-build/hostler-agent.service'));
  await put('etc/systemd/system/hostler-agent.service', unit);
  await put('etc/systemd/system/lab-golden.service', beGoldenUnit);
  await put('etc/systemd/system/lab-tell.service', tellUnit);
  await put('etc/systemd/system/lab-shell.service', shellUnit);
  await put('opt/lab/golden', beGolden, 0o755);
  await put('opt/lab/tell', tell, 0o755);
  for (const name of ['hostler-agent', 'lab-golden', 'lab-tell', 'lab-shell']) await enable(`${name}.service`);
  await put('etc/default/grub', grub);

  await run('cp', [join(tree, 'usr/bin/true'), join(tree, 'usr/bin/marked')]);
  await run('setcap', ['cap_net_raw=ep', join(tree, 'usr/bin/marked')]);
  await put('srv/marked', 'here');
  await run('ln', [join(tree, 'srv/marked'), join(tree, 'srv/again')]);
  await run('setfacl', ['-m', 'u:1:r', join(tree, 'srv/marked')]);
  await put('srv/attributed', 'here');
  await run('setfattr', ['-n', 'user.colour', '-v', 'golden', join(tree, 'srv/attributed')]);
  await put('srv/owned', 'here', 0o4750);
  await run('chown', ['--no-dereference', '12345:54321', join(tree, 'srv/owned')]);
  await run('chmod', ['4750', join(tree, 'srv/owned')]);
  await run('truncate', ['--size=64M', join(tree, 'srv/sparse')]);
  await run('mkfifo', [join(tree, 'srv/pipe')]);
  await writeFile(Buffer.concat([Buffer.from(join(tree, 'srv/line\n')), Buffer.from([0xff, 0xfe])]), 'odd name\n');
  await put('srv/old', 'here');
  await utimes(join(tree, 'srv/old'), 1_000_000_000.123, 1_000_000_000.123);
}
