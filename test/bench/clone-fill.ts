import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { sendFile } from '../../agent/store/send-file.ts';
import { tlsOptionsFor } from '../../shared/identity/tls.ts';
import type { TestAuthority } from '../lab/pki.ts';
import { root as sources, step } from '../tools/step.ts';
import { timed } from './clone-site.ts';
import { median, type Figures } from './measure.ts';

const turns = 3;
const several = [2, 4] as const;

/**
 * The installer's own `fill`, run here, beside the same without its checks and its resuming, from the boot server's own way
 * of sending a file; then several at once from that one server. `folder` lies in memory where there is room: a disk that
 * two to five trees are written to at a time would be measured in place of the server.
 */
export async function fills(
  folder: string,
  tree: string,
  authority: TestAuthority,
  signal: AbortSignal,
): Promise<Figures> {
  const packed = join(folder, 'tree.tar.zst');
  const flags = ['--numeric-owner', '--acls', '--xattrs', '--xattrs-include=*'];
  await timed(['tar', '-c', '-C', tree, ...flags, '-I', 'zstd -q -3 -T0', '-f', packed, '.'], signal);
  const [digest = ''] = (await step(['sha256sum', packed], { bound: 60 })).output.split(' ');
  const identity = await authority.issue('boot1', { roles: ['boot', 'store'] });
  const { ca, cert, key } = tlsOptionsFor(identity, 'boot1');
  const answer = (request: IncomingMessage, response: ServerResponse): void =>
    void sendFile(request, response, packed, { tag: digest });
  const server = createServer({ cert, key }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = `https://127.0.0.1:${port}`;
  const text = readFileSync(join(sources, 'agent/tasks/clone/installer/clone.sh'), 'utf8');
  const functions = text.slice(0, text.indexOf('# shellcheck source=/dev/null\n. /clone/plan.sh'));
  /** What is to be run to fill one folder; each has its own place for what the installer keeps in /clone. */
  const filler = (name: string): { argv: string[]; to: string } => {
    const [own, to] = [join(folder, `clone-${name}`), join(folder, `to-${name}`)];
    for (const dir of [own, to]) {
      rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir);
    }
    writeFileSync(join(own, 'ca.pem'), ca);
    writeFileSync(join(own, 'auth'), 'Authorization: none\n');
    const call = `secure=${address} booter=boot1\nfill ${to} ${digest} ${statSync(packed).size}\n`;
    writeFileSync(join(own, 'fill.sh'), functions.replaceAll('/clone/', `${own}/`) + call);
    return { argv: ['busybox', 'sh', join(own, 'fill.sh')], to };
  };
  const plain = (name: string): string[] => {
    const { to } = filler(name);
    const pem = join(folder, `clone-${name}/ca.pem`);
    const get = `curl -s --cacert ${pem} --connect-to ::127.0.0.1:${port} https://boot1/`;
    return ['sh', '-c', `${get} | zstd -q -d -c | tar -x -f - -C ${to} --same-owner -p ${flags.join(' ')}`];
  };
  const gone = (count: number): void => {
    for (let node = 0; node < count; node += 1) rmSync(join(folder, `to-${node}`), { recursive: true, force: true });
  };
  /** Seconds of the last one. */
  const together = async (nodes: number, argv: (name: string) => string[]): Promise<number> => {
    const names = Array.from({ length: nodes }, (_, node) => String(node));
    const made = names.map(argv);
    const taken = await Promise.all(made.map((one) => timed(one, signal)));
    gone(nodes);
    return Math.max(...taken);
  };
  const ours = (name: string): string[] => filler(name).argv;
  try {
    const one: { ours: number[]; plain: number[] } = { ours: [], plain: [] };
    for (let turn = 0; turn < turns; turn += 1) {
      one.ours.push(await together(1, ours));
      one.plain.push(await together(1, plain));
    }
    const last = new Map<string, number>();
    const before = process.cpuUsage();
    last.set('ours1', await together(1, ours));
    // This process does nothing else meanwhile.
    const { user, system } = process.cpuUsage(before);
    for (const nodes of several) {
      last.set(`ours${nodes}`, await together(nodes, ours));
      last.set(`plain${nodes}`, await together(nodes, plain));
    }
    const ratio = (name: string, by: readonly number[]): number =>
      Number(((last.get(name) ?? Number.NaN) / median(by)).toFixed(2));
    return {
      packedMB: Number((statSync(packed).size / 1e6).toFixed(1)),
      fillSeconds: median(one.ours),
      plainFillSeconds: median(one.plain),
      serverCpuSecondsOfOneFill: Number(((user + system) / 1e6).toFixed(2)),
      fillRatio: Number((median(one.ours) / median(one.plain)).toFixed(2)),
      lastOfTwoOverOne: ratio('ours2', one.ours),
      lastOfFourOverOne: ratio('ours4', one.ours),
      plainLastOfTwoOverOne: ratio('plain2', one.plain),
      plainLastOfFourOverOne: ratio('plain4', one.plain),
    };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
