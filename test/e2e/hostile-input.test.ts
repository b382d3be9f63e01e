// What nobody well-meaning would send, to the real programs. bound: 120 s
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../../agent/store/blobs.ts';
import { createNetwork, type LabNetwork } from '../../deploy/lab/network.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import type { BootApplySpec } from '../../shared/task/boot-apply.ts';
import { createProof, proofHeader } from '../../shared/wire/proof.ts';
import { BootHost } from '../lab/boot-host-client.ts';
import { createTestAuthority } from '../lab/pki.ts';
import { type Command, commandsFor } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';

const asRoot = process.getuid?.() === 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('hostile input', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hostler-hostile-'));
  const trap = join(dir, 'trap');
  let manager: RealManager;
  let command: Command;
  let port: number;

  /** Everything that is defined, and every file that is not the manager's own data. */
  const world = async (): Promise<{ objects: string; files: string[] }> => ({
    objects: (await command('lsdef', ['-a', '-l'])).stdout,
    files: [...readdirSync(manager.home), ...readdirSync(dir), ...readdirSync(join(manager.home, 'proof'))].sort(),
  });

  beforeAll(async () => {
    port = await freePort();
    manager = await RealManager.start(['--no-agent', '--listen', `127.0.0.1:${String(port)}`]);
    command = commandsFor(manager.env);
    expect(await command('mkdef', ['-t', 'node', '-o', 'n01', 'groups=all'])).toMatchObject({ exit: 0 });
  }, 30_000);
  afterAll(async () => {
    await manager.dispose();
    rmSync(dir, { recursive: true, force: true });
  });

  const types = [
    ['node', 'groups=all'],
    ['osimage', 'imagetype=linux'],
    ['network', 'net=10.1.0.0'],
    ['group', 'mgt=ipmi'],
  ] as const;
  const neverNames = ['../../trap', 'a/../b', '..', 'a\nb', 'a\rb', 'a\u001b[31mb', 'x'.repeat(300)];

  it.each(types)('a %s whose name leads elsewhere or has control characters is refused', async (type, attribute) => {
    const before = await world();
    for (const name of neverNames) {
      const { exit, stdout, stderr } = await command('mkdef', ['-t', type, '-o', name, attribute]);
      expect([name, exit]).toEqual([name, 1]);
      expect(`${stdout}${stderr}`).toMatch(/is invalid/);
    }
    expect(await world()).toEqual(before);
  });

  it('a node whose name means something to a shell or a configuration file is refused by every command', async () => {
    const before = await world();
    const names = [`$(touch ${trap})`, `\`touch ${trap}\``, `n;touch ${trap}`, 'a b', 'a|b', 'a#b', 'a%n', 'a:b'];
    for (const name of names) {
      for (const [program, ...args] of [
        ['mkdef', '-t', 'node', '-o', name, 'groups=all'],
        ['nodeadd', name, 'groups=all'],
        ['nodech', name, 'groups=all'],
        ['nodeset', name, 'boot'],
        ['makehosts', name],
      ] as const) {
        const { exit, stderr } = await command(program, args);
        expect([program, name, exit === 0, stderr === '']).toEqual([program, name, false, false]);
      }
    }
    expect(await world()).toEqual(before);
  });

  it('a value with a line of its own for a configuration file is refused', async () => {
    const before = await world();
    for (const value of [
      `ip=10.0.0.1\ndhcp-script=${trap}`,
      `mac=52:54:00:00:00:01\nx`,
      'postscripts=a\u0000b',
      'os=a\rb',
    ]) {
      const stanza = `n01:\n    objtype=node\n    ${value}\n`;
      const argument = value.includes('\0') ? undefined : ['chdef', '-t', 'node', '-o', 'n01', value];
      if (argument !== undefined) {
        const { exit, stderr } = await command('chdef', argument.slice(1));
        expect([value, exit === 0, stderr === '']).toEqual([value, false, false]);
      } else {
        expect((await command('chdef', ['-z'], { input: stanza })).exit).not.toBe(0);
      }
    }
    expect(await world()).toEqual(before);
  });

  it('a value of a megabyte is refused, and says how much is possible', async () => {
    const before = await world();
    for (const length of [1_000_000, 900_000]) {
      const stanza = `n01:\n    objtype=node\n    usercomment=${'x'.repeat(length)}\n`;
      const refused = await command('chdef', ['-z'], { input: stanza });
      expect(refused.exit).not.toBe(0);
      expect(refused.stderr).toMatch(/longer than 1000000 characters|65536/);
      expect(refused.stderr.length).toBeLessThan(2_000);
    }
    const table = `#node,mac,disable\n"n01","${'x'.repeat(1_000_000)}",\n`;
    const restored = await command('tabrestore', ['-a', '-'], { input: table });
    expect(restored.exit).not.toBe(0);
    expect(await world()).toEqual(before);
  });

  it('nonsense on the network harms nobody, and nobody is let in', async () => {
    const own = { ca: readFileSync(join(manager.home, 'authority', 'ca.pem')) };
    const nonsense = [
      randomBytes(5000),
      Buffer.from([0x16, 3, 1, 0xff, 0xff, 1]),
      Buffer.from('GET / HTTP/1.0\r\n\r\n'),
    ];
    for (const bytes of nonsense) {
      const plain = connect(port, '127.0.0.1');
      plain.on('error', () => undefined);
      plain.end(bytes);
      plain.resume();
      const secure = connectTls({
        port,
        host: 'localhost',
        ...own,
        ALPNProtocols: ['h2'],
        checkServerIdentity: () => undefined,
      });
      secure.on('error', () => undefined);
      secure.end(bytes);
      secure.resume();
      for (const socket of [plain, secure]) if (!socket.closed) await once(socket, 'close');
    }
    const same = (value: Buffer): Buffer => value;
    const malformed = [
      Buffer.from([0xff, 0xff, 0xff]),
      Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
      Buffer.from([0x0a, 0x7f, 0x61]),
      randomBytes(400),
    ];
    const ssl = credentials.createSsl(own.ca, null, null, { checkServerIdentity: () => undefined });
    const remote = new Client(`localhost:${String(port)}`, ssl);
    const local = new Client(`unix:${join(manager.home, 'manager.sock')}`, credentials.createInsecure());
    try {
      for (const bytes of malformed) {
        for (const method of [
          'Enrolment/Join',
          'Enrolment/Boot',
          'Enrolment/Renew',
          'Link/Connect',
          'Api/Run',
          'Api/CreateToken',
        ]) {
          for (const [where, client] of [
            ['remote', remote],
            ['local', local],
          ] as const) {
            const metadata = new Metadata();
            if (where === 'local') metadata.set(proofHeader, createProof(manager.home).token);
            const call = client.makeBidiStreamRequest(`/hostler.v1.${method}`, same, same, metadata, {
              deadline: Date.now() + 20_000,
            });
            const answers: Buffer[] = [];
            call.on('data', (answer: Buffer) => answers.push(answer));
            call.on('error', () => undefined);
            const ended = new Promise<number>((done) => call.once('status', ({ code }) => done(code)));
            call.end(bytes);
            const code = await ended;
            // A link without a certificate is told so in its own words. 4: nobody answered in time; 14: nobody is there.
            const refused =
              answers.length === 0 ? ![0, 4, 14].includes(code) : /unauthenticated/.test(answers.join(''));
            expect([where, method, code, refused]).toEqual([where, method, code, true]);
          }
        }
      }
    } finally {
      remote.close();
      local.close();
    }
    expect((await command('hostler', ['agents', '--json'])).stdout.trim()).toBe('[]');
    expect((await command('nodels')).stdout).toBe('n01\n');
  }, 60_000);

  it.skipIf(!asRoot || which('dnsmasq') === undefined || which('busybox') === undefined)(
    'what machines say of themselves when they ask for an address stays theirs (needs root, dnsmasq and busybox)',
    async () => {
      const network = await createNetwork({ name: 'hostile', taps: 0 });
      const authority = await createTestAuthority();
      const home = join(dir, 'boot');
      const identity = await authority.issue('boot1', { roles: ['boot', 'store'] });
      const mac = '52:54:00:77:00:01';
      let host: BootHost | undefined;
      const inside = async (...argv: string[]): Promise<string> => {
        const [program = '', ...rest] = network.inside(argv);
        const { stdout, stderr } = await run(program, rest, { allowExit: 'any', timeoutMs: 20_000 });
        return stdout + stderr;
      };
      /** Asks as `mac`, once; true when it got an address. */
      const ask = async (...options: string[]): Promise<boolean> =>
        /lease of 10\.77\.0\.11 obtained/.test(
          await inside('busybox', 'udhcpc', '-i', 'v0', '-nqf', '-t', '3', '-T', '1', '-s', '/bin/true', ...options),
        );
      try {
        host = await BootHost.start(network, home, 'boot1', identity);
        await host.apply(await bootSpec(network, authority.fingerprint, home, mac));
        await inside('ip', 'link', 'add', 'v0', 'address', mac, 'type', 'veth', 'peer', 'name', 'v1');
        await inside('ip', 'link', 'set', 'v1', 'master', network.bridge, 'up');
        await inside('ip', 'link', 'set', 'v0', 'up');
        expect(await ask()).toBe(true);
        const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
        const forged =
          'PXEClient\ndnsmasq-dhcp: 7 vendor class: PXEClient\ndnsmasq-dhcp: 7 DHCPACK(br0) 10.77.0.66 52:54:00:77:06:66\n';
        const known = host.events.length;
        for (const text of [
          `../../../trap`,
          `$(touch ${trap})`,
          `a\nb\u0000c\u001b[31m`,
          forged,
          '\u00ff'.repeat(200),
        ]) {
          // Client id, host name, user class; the vendor class has an option of its own.
          for (const option of ['0x3d', '0x0c', '0x4d']) await ask('-C', '-x', `${option}:${hex(text)}`);
          await ask('-V', text.replaceAll('\0', ''));
        }
        expect(await ask()).toBe(true);
        const told = host.events.slice(known);
        // The one that says it is firmware is told as what it is, and nothing else is.
        expect(told.map(({ stage, node, mac: from }) => [stage, node, from])).toEqual([['dhcp', 'n01', mac]]);
        expect(host.logs.join('\n')).not.toMatch(/dnsmasq ended/);
        expect(JSON.stringify(told)).not.toMatch(/10\.77\.0\.66/);
        expect(existsSync(trap)).toBe(false);
        expect(readdirSync(dir)).toEqual(['boot']);
      } finally {
        await host?.stop();
        await network.remove();
        rmSync(home, { recursive: true, force: true });
      }
    },
    110_000,
  );

  it('after all of it the trap has not sprung and the manager serves', async () => {
    expect(existsSync(trap)).toBe(false);
    await eventually('it answers', async () => (await command('nodels')).exit === 0, { timeoutMs: 10_000 });
  });
});

/** One node with that MAC at 10.77.0.11; what it boots is of no interest. */
async function bootSpec(network: LabNetwork, authority: string, home: string, mac: string): Promise<BootApplySpec> {
  const blob = await new BlobStore(home).putStream(
    (async function* () {
      yield Buffer.from('anything');
    })(),
  );
  const state = 'netboot any';
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
      manager: `${network.address}:7301`,
      authority,
      nameservers: [],
    },
    nodes: { n01: { macs: [mac], ip: '10.77.0.11', hostname: 'n01', profile: 'any' } },
    profiles: {
      any: {
        state,
        ipxe: '#!ipxe\n#netboot any\nexit\n',
        authorise: false,
        kernel: blob.digest,
        initrd: blob.digest,
        image: blob.digest,
      },
    },
    blobs: [blob],
    allNodes: true,
  };
}
