import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetwork, type LabNetwork } from '../../deploy/lab/network.ts';
import { macOfTap, startVm, type Firmware, type Vm } from '../../deploy/lab/vm.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { BlobStore } from '../../agent/store/blobs.ts';
import { commandLine } from '../../shared/boot/command-line.ts';
import { imageScript } from '../../shared/boot/ipxe.ts';
import type { BootTokenPayload } from '../../shared/identity/boot-token.ts';
import type { TlsIdentity } from '../../shared/identity/tls.ts';
import { isAlive } from '../../shared/process/alive.ts';
import { run } from '../../shared/process/run.ts';
import type { BlobRef } from '../../shared/task/blob.ts';
import { nodePlaceholder, type BootApplySpec, type BootNode, type BootProfile } from '../../shared/task/boot-apply.ts';
import { BootHost } from '../lab/boot-host-client.ts';
import { createTestAuthority, type TestAuthority } from '../lab/pki.ts';
import { labKernel, tinyInitrd } from '../lab/tiny-image.ts';

/** What the tiny image does: as a node's initrd and agent would, with busybox alone. */
const nodeScript = `
tell() { wget -q -O- "$server/progress?mac=$mac&stage=$1&boot=$boot&detail=tiny"; }
tell initrd
wget -q -O /mem/image "$server/blobs/$image" && [ "$(sha256sum /mem/image | cut -d' ' -f1)" = "$image" ] && tell image
wget -q -O /mem/ca.pem "$server/ca.pem"
claim() {
  body="{\\"mac\\":\\"$mac\\",\\"bootId\\":\\"$1\\"}"
  printf 'POST /claim HTTP/1.1\\r\\nHost: boot\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "\${#body}" "$body" |
    openssl s_client -quiet -verify_return_error -CAfile /mem/ca.pem -connect "\${secure#https://}" 2>/dev/null | tail -n 1
}
say "first claim $(claim $boot)"
say "same claim $(claim $boot)"
say "other claim $(claim 00000000-0000-4000-8000-000000000000)"
say "done"
`;

let dir: string;
let network: LabNetwork;
let authority: TestAuthority;
let identity: TlsIdentity;
let host: BootHost;
let files: { kernel: BlobRef; initrd: BlobRef; image: BlobRef };
const vms: Vm[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-boot-'));
  const home = join(dir, 'home');
  authority = await createTestAuthority();
  identity = await authority.issue('boot1', { roles: ['boot', 'store'] });
  network = await createNetwork({ name: 'boot-test', taps: 4 });
  const kernel = await labKernel();
  await tinyInitrd(kernel, join(dir, 'initrd'), nodeScript, ['/usr/bin/openssl']);
  const store = new BlobStore(home);
  files = {
    kernel: await store.putFile(kernel.file, 'copy'),
    initrd: await store.putFile(join(dir, 'initrd'), 'move'),
    image: await store.putStream(
      (async function* () {
        yield Buffer.alloc(1_000_000, 'image');
      })(),
    ),
  };
  host = await BootHost.start(network, home, 'boot1', identity, 7440);
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

function nodeOf(tap: number): BootNode {
  return { macs: [macOfTap(tap)], ip: `10.77.0.${10 + tap}`, hostname: `n${tap}`, profile: 'tiny' };
}

function tinyProfile(): BootProfile {
  const server = { address: network.address, httpPort: 80 };
  const words = commandLine({
    ...server,
    node: nodePlaceholder,
    httpsPort: 7443,
    authority: authority.fingerprint,
    image: files.image.digest,
    serialport: '0',
    serialspeed: '115200',
    serialflow: '',
    addkcmdline: 'panic=-1',
  });
  const state = 'netboot tiny';
  const [kernel, initrd, image] = [files.kernel.digest, files.initrd.digest, files.image.digest];
  return { state, ipxe: imageScript(server, state, { kernel, initrd, words }), authorise: true, kernel, initrd, image };
}

function specOf(nodes: BootApplySpec['nodes'], dynamicrange = ''): BootApplySpec {
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
          dynamicrange,
          leaseSeconds: 3600,
        },
      ],
      domain: 'cluster.test',
      manager: '192.0.2.1:7301',
      authority: authority.fingerprint,
      nameservers: [],
    },
    nodes,
    profiles: { tiny: tinyProfile() },
    blobs: Object.values(files),
    allNodes: false,
  };
}

async function boot(tap: number, firmware: Firmware): Promise<Vm> {
  const vm = await startVm({
    name: `vm${tap}`,
    network,
    tap,
    dir: join(dir, 'vm'),
    firmware,
    accel: 'tcg',
    memoryMiB: 512,
  });
  vms.push(vm);
  return vm;
}

/** curl inside the namespace: status and body. */
async function curl(...args: string[]): Promise<{ status: string; body: string }> {
  const [program = '', ...rest] = network.inside([
    'curl',
    '-s',
    '-m',
    '10',
    '--path-as-is',
    '-w',
    '\n%{http_code}',
    ...args,
  ]);
  const { stdout } = await run(program, rest, { allowExit: 'any' });
  const end = stdout.lastIndexOf('\n');
  return { status: stdout.slice(end + 1), body: stdout.slice(0, end) };
}

function dnsmasqPid(): Promise<number> {
  return readFile(join(host.home, 'boot', 'dnsmasq.pid'), 'utf8').then((text) => Number(text));
}

describe('the boot service', () => {
  it('takes up a change, and dnsmasq finds nothing wrong with its configuration', async () => {
    await host.apply(specOf({ n0: nodeOf(0), n1: nodeOf(1) }));
    await run('dnsmasq', ['--test', `--conf-file=${join(host.home, 'boot', 'dnsmasq.conf')}`]);
    expect((await curl('http://10.77.0.1/boot.ipxe')).body).toContain('#!ipxe');
  });

  it.each([
    ['bios', 0],
    ['uefi', 1],
  ] as const)(
    'boots a machine with %s firmware from DHCP to its claimed token',
    async (firmware, tap) => {
      const node = `n${tap}`;
      const vm = await boot(tap, firmware);
      const over = vm.over;
      const { 1: text } = await vm.console.waitFor(/tiny: first claim (.*)\n/, { timeoutMs: 150_000, over });
      await vm.console.waitFor(/tiny: done/, { timeoutMs: 30_000, over });
      const said = await vm.console.text();
      const reply = JSON.parse(text ?? '') as { node: string; token: string; manager: string };
      // A relay sends the nodes that it boots to itself.
      expect([reply.node, reply.manager]).toEqual([node, '10.77.0.1:7440']);

      const [payload = '', signature = ''] = reply.token.split('.');
      const key = createPublicKey(
        new X509Certificate(identity.certificate).publicKey.export({ type: 'spki', format: 'pem' }),
      );
      expect(verify('sha256', Buffer.from(payload), key, Buffer.from(signature, 'base64url'))).toBe(true);
      const token = JSON.parse(Buffer.from(payload, 'base64url').toString()) as BootTokenPayload;
      expect(token).toMatchObject({ node, mac: macOfTap(tap), server: 'boot1' });

      const again = JSON.parse(/same claim (.*)\n/.exec(said)?.[1] ?? '') as { token: string };
      const second = JSON.parse(
        Buffer.from(again.token.split('.')[0] ?? '', 'base64url').toString(),
      ) as BootTokenPayload;
      expect(second.id).toBe(token.id);
      expect(said).toMatch(/other claim the token of this boot was claimed already/);
      expect(host.stages(node)).toEqual(['dhcp', 'loader', 'kernel', 'initrd', 'image', 'refused']);
      const events = host.events.filter((event) => event.node === node);
      expect(events.find((event) => event.stage === 'image')?.bootId).toBe(token.bootId);
      if (tap !== 0) await vm.stop();
    },
    240_000,
  );

  it('begins a new boot when the machine is reset, with a new token and without another nodeset', async () => {
    const [vm] = vms;
    if (!vm) throw new Error('the first machine did not start');
    const before = host.events.length;
    const from = (await vm.console.text()).length;
    await vm.reset();
    await vm.console.waitFor(/tiny: first claim \{/, { timeoutMs: 150_000, over: vm.over, from });
    await eventually(
      'all of the boot was seen',
      () => host.events.slice(before).some(({ stage }) => stage === 'image'),
      {
        timeoutMs: 5_000,
      },
    );
    expect(host.events.slice(before).map(({ stage }) => stage)).toEqual([
      'dhcp',
      'loader',
      'kernel',
      'initrd',
      'image',
    ]);
    await vm.stop();
  }, 200_000);

  it('hears of a machine that gets no address because nobody knows it', async () => {
    const inside = async (...argv: string[]): Promise<void> => {
      const [program = '', ...rest] = network.inside(argv);
      await run(program, rest, { allowExit: 'any', timeoutMs: 20_000 });
    };
    await inside('ip', 'link', 'add', 'v0', 'address', '52:54:00:77:09:09', 'type', 'veth', 'peer', 'name', 'v1');
    await inside('ip', 'link', 'set', 'v1', 'master', 'br0', 'up');
    await inside('ip', 'link', 'set', 'v0', 'up');
    await inside('busybox', 'udhcpc', '-i', 'v0', '-n', '-q', '-t', '2', '-T', '1', '-s', '/bin/true');
    await inside('ip', 'link', 'del', 'v0');
    const told = await eventually('it is told', () => host.events.find(({ stage }) => stage === 'unknown-node'), {
      timeoutMs: 5_000,
    });
    expect(told).toMatchObject({ node: '', mac: '52:54:00:77:09:09' });
  });

  it('tells an unknown machine on its console that nobody knows it, and the manager too', async () => {
    await host.apply(specOf({}, '10.77.0.100-10.77.0.120'));
    const vm = await boot(2, 'bios');
    await vm.console.waitFor(/this machine is not known here/, { timeoutMs: 90_000, over: vm.over });
    expect(await vm.console.text()).toContain(macOfTap(2));
    expect(host.events.filter(({ stage }) => stage === 'unknown-node').at(-1)).toMatchObject({
      node: '',
      mac: macOfTap(2),
    });
    await vm.stop();
    await host.apply(specOf({}));
  }, 150_000);

  it('hands out what entries name and nothing else, whatever is asked', async () => {
    const secret = await new BlobStore(host.home).putStream(
      (async function* () {
        yield Buffer.from('not for plain HTTP');
      })(),
    );
    expect((await curl('-r', '0-9', `http://10.77.0.1/blobs/${files.image.digest}`)).status).toBe('206');
    expect((await curl('-I', `http://10.77.0.1/blobs/${files.image.digest}`)).body).toContain(
      'Content-Length: 1000000',
    );
    for (const path of [
      `blobs/${secret.digest}`,
      'blobs/../../../etc/passwd',
      '../service.json',
      'boot/..%2f..%2fservice.json',
      'boot/%0a.ipxe',
      'boot/52:54:00:77:00:0g.ipxe',
      '%ff',
      '//etc/passwd',
    ]) {
      expect([path, (await curl(`http://10.77.0.1/${path}`)).status]).toEqual([path, '404']);
    }
    const before = host.events.length;
    const told = await curl('http://10.77.0.1/progress?mac=52:54:00:77:00:00&stage=image&boot=1');
    expect(told.status).toBe('400');
    const claimed = await curl(
      '-k',
      '-d',
      '{"mac":"52:54:00:77:00:00","bootId":"12345678"}',
      'https://10.77.0.1:7443/claim',
    );
    expect([claimed.status, claimed.body]).toEqual(['403', 'this is not the address of n0\n']);
    expect((await curl('-k', '-d', 'x'.repeat(100_000), 'https://10.77.0.1:7443/claim')).status).toBe('400');
    expect(host.events.slice(before).map((event) => event.stage)).toEqual(['refused']);
    expect((await curl('-k', `https://10.77.0.1:7443/blobs/${files.image.digest}`)).status).toBe('403');
  });

  it('starts dnsmasq again when it dies, and says so', async () => {
    const pid = await dnsmasqPid();
    process.kill(pid, 'SIGKILL');
    await eventually(
      'another dnsmasq',
      async () => ((await dnsmasqPid().catch(() => pid)) === pid ? undefined : true),
      {
        timeoutMs: 15_000,
      },
    );
    expect(host.logs.join('\n')).toMatch(/dnsmasq ended: .*SIGKILL/);
    await eventually(
      'it serves',
      () =>
        host.apply(specOf({ n0: nodeOf(0) })).then(
          () => true,
          () => false,
        ),
      { timeoutMs: 15_000 },
    );
  });

  it('refuses an interface that another service holds, and says who', async () => {
    const other = await BootHost.start(network, join(dir, 'other'), 'boot2', identity);
    try {
      await expect(other.apply({ ...specOf({}), blobs: [] })).rejects.toThrow(/served already by agent boot1/);
    } finally {
      await other.stop();
    }
  });

  it('refuses a change that cannot be served, and goes on with what it served', async () => {
    const missing = { digest: 'f'.repeat(64), bytes: 1 };
    await expect(host.apply({ ...specOf({}), blobs: [missing] })).rejects.toThrow(/does not have f{64}/);
    await expect(host.apply(specOf({ 'n9\nuser=evil': nodeOf(3) }))).rejects.toThrow(/node name/);
    expect((await curl('http://10.77.0.1/boot/52-54-00-77-00-00.ipxe')).body).toContain('#netboot tiny');
  });

  it('goes on from its state after a kill, and ends the dnsmasq that was left', async () => {
    const left = await dnsmasqPid();
    await host.kill();
    expect(isAlive(left)).toBe(true);
    host = await BootHost.start(network, host.home, 'boot1', identity);
    await eventually('the state is served', async () => (await curl('http://10.77.0.1/boot.ipxe')).status === '200', {
      timeoutMs: 15_000,
    });
    await eventually('the old dnsmasq is gone', () => !isAlive(left), { timeoutMs: 10_000 });
    await host.apply(specOf({ n0: null }));
    await mkdir(dir, { recursive: true });
    expect((await curl('http://10.77.0.1/boot/52-54-00-77-00-00.ipxe')).body).toContain('not known here');
  });

  it('leaves nothing running and no address behind when it stops', async () => {
    const pid = await dnsmasqPid();
    await host.stop();
    expect(isAlive(pid)).toBe(false);
    const [program = '', ...rest] = network.inside(['ip', '-6', 'addr', 'show', 'dev', 'br0']);
    expect((await run(program, rest)).stdout).not.toMatch(/inet6 fd/);
  });
});
