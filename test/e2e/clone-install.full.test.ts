// bound: 900 s, with virtual machines
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clonePack } from '../../agent/tasks/clone/pack.ts';
import type { TaskContext } from '../../agent/tasks/types.ts';
import { createNetwork, type LabNetwork } from '../../deploy/lab/network.ts';
import { macOfTap, startVm, type Firmware, type Vm } from '../../deploy/lab/vm.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { installCommandLine } from '../../shared/boot/command-line.ts';
import { imageScript } from '../../shared/boot/ipxe.ts';
import {
  agentPlaceholder,
  nodePlaceholder,
  type BootApplySpec,
  type BootProfile,
} from '../../shared/task/boot-apply.ts';
import type { ImagePackResult } from '../../shared/task/image-pack.ts';
import { run } from '../../shared/process/run.ts';
import { BootHost } from '../lab/boot-host-client.ts';
import { goldenTree } from '../lab/golden-tree.ts';
import { createTestAuthority, type TestAuthority } from '../lab/pki.ts';
import { gib, lvm } from '../unit/shared/layout/samples.ts';

/** Says on the console what the machine has become. */
const tellUnit = `[Unit]
Description=Tells the test about this machine
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'echo "TELL name=$(hostname) id=$(cat /etc/machine-id) root=$(findmnt -n -o SOURCE,FSTYPE,SIZE / | tr -s " " ,) boot=$(findmnt -n -o FSTYPE /boot) ip=$(ip -4 -o addr show scope global | tr -s " " | cut -d" " -f4) caps=$(getcap /usr/bin/marked | tr " " =) acl=$(getfacl -c -p /srv/marked | grep -c daemon) links=$(stat -c %h /srv/marked) key=$(sha256sum /etc/ssh/ssh_host_ed25519_key.pub | cut -c1-12) efi=$(test -d /sys/firmware/efi && echo yes || echo no) END"'
[Install]
WantedBy=multi-user.target
`;

let dir: string;
let network: LabNetwork;
let authority: TestAuthority;
let host: BootHost;
let packed: ImagePackResult;
const vms: Vm[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-clone-'));
  const home = join(dir, 'home');
  authority = await createTestAuthority();
  network = await createNetwork({ name: 'clone', taps: 2 });
  host = await BootHost.start(network, home, 'boot1', await authority.issue('boot1', { roles: ['boot', 'store'] }));
  const tree = join(dir, 'tree');
  await run('cp', ['--archive', '--reflink=auto', await goldenTree(), tree]);
  await mark(tree);
  const layout = join(dir, 'layout.json');
  await writeFile(layout, JSON.stringify(lvm));
  const context: TaskContext = {
    id: 'pack.1',
    spec: {
      image: 'golden',
      tree,
      layout,
      osvers: 'debian12',
      arch: 'x86_64',
      netdrivers: [],
      store: { agent: 'boot1', endpoints: [] },
    },
    dir: join(dir, 'task'),
    home,
    installDir: join(home, 'install'),
    tftpDir: join(home, 'tftpboot'),
    correlation: 'test',
    signal: AbortSignal.timeout(300_000),
    log: () => undefined,
    progress: () => undefined,
  };
  await mkdir(context.dir);
  packed = (await clonePack.run(context)) as unknown as ImagePackResult;
});

afterAll(async () => {
  try {
    for (const vm of vms) await vm.stop();
    await host.stop();
  } finally {
    await network.remove();
    await rm(dir, { recursive: true, force: true });
  }
});

/** What a careless copy would lose. */
async function mark(tree: string): Promise<void> {
  await writeFile(join(tree, 'etc/systemd/system/tell.service'), tellUnit);
  await run('systemctl', ['--root', tree, 'enable', 'tell.service'], { allowExit: 'any' });
  await run('cp', [join(tree, 'usr/bin/true'), join(tree, 'usr/bin/marked')]);
  await run('setcap', ['cap_net_raw=ep', join(tree, 'usr/bin/marked')]);
  await mkdir(join(tree, 'srv'), { recursive: true });
  await writeFile(join(tree, 'srv/marked'), 'here');
  await run('ln', [join(tree, 'srv/marked'), join(tree, 'srv/again')]);
  await run('setfacl', ['-m', 'u:1:r', join(tree, 'srv/marked')]);
  await writeFile(
    join(tree, 'etc/default/grub'),
    'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="console=ttyS0 net.ifnames=1"\nGRUB_DISABLE_OS_PROBER=true\n',
  );
}

function profile(): BootProfile {
  const server = { address: network.address, httpPort: 80 };
  const words = installCommandLine({
    ...server,
    node: nodePlaceholder,
    agent: agentPlaceholder,
    httpsPort: 7443,
    authority: authority.fingerprint,
    serialport: '0',
    serialspeed: '115200',
    serialflow: '',
    addkcmdline: '',
  });
  const [kernel, initrd] = [packed.kernel.digest, packed.initrd.digest];
  return {
    state: 'sysclone debian12-x86_64',
    ipxe: imageScript(server, 'sysclone debian12-x86_64', { kernel, initrd, words }),
    authorise: true,
    kernel,
    initrd,
    clone: {
      tree: packed.root.digest,
      treeBytes: packed.root.bytes,
      facts: packed.manifest.digest,
      settings: {
        domain: 'cluster.test',
        bits: 24,
        gateway: network.address,
        nameservers: [],
        protect: [],
        smaller: false,
        server: `http://${network.address}`,
        secure: `https://${network.address}:7443`,
      },
    },
  };
}

function spec(): BootApplySpec {
  const nodes = Object.fromEntries(
    [0, 1].map((tap) => [
      `c${tap}`,
      {
        macs: [macOfTap(tap)],
        ip: `10.77.0.${10 + tap}`,
        hostname: `c${tap}`,
        profile: 'clone',
        deploy: `job1.c${tap}`,
      },
    ]),
  );
  return {
    service: {
      interfaces: [network.bridge],
      httpPort: 80,
      httpsPort: 7443,
      networks: [
        {
          name: 'lab',
          net: network.net,
          mask: network.mask,
          server: network.address,
          gateway: network.address,
          dynamicrange: '',
          leaseSeconds: 3600,
        },
      ],
      domain: 'cluster.test',
      manager: `${network.address}:7440`,
      authority: authority.fingerprint,
      nameservers: [],
    },
    nodes,
    profiles: { clone: profile() },
    blobs: [packed.kernel, packed.initrd, packed.root, packed.manifest].map(({ digest, bytes }) => ({ digest, bytes })),
    allNodes: false,
  };
}

async function machine(tap: number, firmware: Firmware, disk: readonly string[]): Promise<Vm> {
  const vm = await startVm({
    name: `c${tap}`,
    network,
    tap,
    dir: join(dir, 'vm'),
    firmware,
    accel: 'tcg',
    memoryMiB: 1536,
    more: disk,
  });
  vms.push(vm);
  return vm;
}

async function sparse(name: string, bytes: number): Promise<string> {
  const file = join(dir, name);
  await writeFile(file, '');
  await truncate(file, bytes);
  return file;
}

/** What the unit in the tree says of its machine. */
async function told(vm: Vm): Promise<Readonly<Record<string, string>>> {
  const line = await eventually(
    'the clone tells about itself',
    async () => {
      const over = vm.over();
      if (over !== undefined) throw new Error(over);
      return /TELL (.*) END/.exec(await vm.console.text())?.[1];
    },
    { timeoutMs: 600_000, everyMs: 1000 },
  );
  return Object.fromEntries(line.split(' ').map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]));
}

describe('a golden tree on a bare machine', () => {
  it('becomes an installed system on a larger NVMe disk', { timeout: 700_000 }, async () => {
    await host.apply(spec());
    const file = await sparse('disk0.img', 12 * gib);
    const vm = await machine(0, 'uefi', [
      ...['-drive', `if=none,id=d0,format=raw,discard=unmap,file=${file}`],
      // As a namespace of its own: the firmware finds its boot entry only so.
      ...['-device', 'nvme,id=nv0,serial=NVME0', '-device', 'nvme-ns,drive=d0,bus=nv0,bootindex=2'],
    ]);
    const seen = await told(vm);
    expect(seen).toMatchObject({ name: 'c0', ip: '10.77.0.10/24', efi: 'yes', boot: 'ext4', acl: '1', links: '2' });
    expect(seen['root']).toMatch(/vg0-root,xfs,10\.\dG/);
    expect(seen['caps']).toContain('cap_net_raw');
    expect(host.stages('c0')).toContain('installed');
    expect(await readFile(join(dir, 'vm/c0.console'), 'utf8')).not.toContain('c1');
  });
});
