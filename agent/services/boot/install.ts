import { createPublicKey, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkedFacts } from '../../../shared/clone/facts.ts';
import { pieceFor, type ClonePiece } from '../../../shared/clone/pieces.ts';
import { checkedCloneNode } from '../../../shared/clone/node.ts';
import { installScript, targetRoot } from '../../../shared/clone/script.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { bootTokenSeconds, parseBootToken, signBootToken } from '../../../shared/identity/boot-token.ts';
import type { BootTokenPayload } from '../../../shared/identity/boot-token.ts';
import { planDisks } from '../../../shared/layout/plan.ts';
import { checkedTarget } from '../../../shared/layout/target.ts';
import { printable } from '../../../shared/process/printable.ts';
import type { BootClone } from '../../../shared/task/boot-apply.ts';
import { clonePaths } from '../../../shared/task/clone.ts';
import type { CloneEnrolment } from '../../../shared/task/clone.ts';
import type { BlobStore } from '../../store/blobs.ts';
import { sendFile, sendText } from '../../store/send-file.ts';
import type { ClaimParts } from './claim.ts';
import { readBody } from './body.ts';
import type { Found } from './lookup.ts';

export interface InstallParts extends ClaimParts {
  readonly blobs: BlobStore;
}

const longestMachine = 512 * 1024;
const longestReport = 4096;

/** An installation is a boot that goes on for long: a large tree over a slow network. */
const sessionMilliseconds = 24 * 3600_000;

interface Session {
  readonly found: Found;
  readonly clone: BootClone;
  /** What nodeset called this one deploy. */
  readonly deploy: string;
  readonly mac: string;
  readonly token: BootTokenPayload;
}

/**
 * What a machine that is being installed asks, over TLS, by the token of its boot (`Authorization: Bearer`): the plan
 * for its disks, the tree, and to be told what it needs to register afterwards. 403 whoever is not the machine, or when
 * the deploy was done; 409 with the reason when the machine will not do, and nothing was written.
 */
export async function answerInstall(
  parts: InstallParts,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const session = await sessionOf(parts, request);
  if (typeof session === 'string') {
    request.resume();
    sendText(response, 403, `${session}\n`);
    return;
  }
  response.setHeader('Cache-Control', 'no-store');
  if (path === clonePaths.plan) await plan(parts, session, request, response);
  else if (path === clonePaths.tree) await tree(parts, session, request, response);
  else if (path === clonePaths.piece) await piece(parts, session, request, response);
  else if (path === clonePaths.report) await report(parts, session, request, response);
  else if (path === clonePaths.enrolment) sendText(response, 200, `${JSON.stringify(enrolment(parts, session))}\n`);
  else if (path === clonePaths.done) await done(parts, session, response);
  else sendText(response, 404, 'not here\n');
}

/** Who asks, or why not. */
async function sessionOf(parts: InstallParts, request: IncomingMessage): Promise<Session | string> {
  const text = /^Bearer ([\w.-]{1,4096})$/.exec(request.headers.authorization ?? '')?.[1];
  const lookup = parts.lookup();
  if (text === undefined || !lookup) return 'needs the token of a boot';
  let parsed: ReturnType<typeof parseBootToken>;
  try {
    parsed = parseBootToken(text);
  } catch (error) {
    return HostlerError.from(error).message;
  }
  const token = parsed.payload;
  if (token.server !== parts.server || !parsed.signedBy(createPublicKey(parts.key())))
    return 'not a token of this boot server';
  if (Date.now() > token.issuedAt + sessionMilliseconds) return 'the token is too old';
  const found = lookup.speaking(token.mac, request.socket.remoteAddress);
  if (found?.name !== token.node) return 'not the address of that node';
  const { clone } = found.profile;
  const { deploy } = found.node;
  if (!clone || deploy === undefined) return `${found.name} is not to be installed`;
  if (!(await parts.boots.holds(token.mac, token.id))) return 'the machine has booted again since';
  if (await parts.boots.installed(found.node.macs, deploy)) return `${found.name} was installed already`;
  return { found, clone, deploy, mac: token.mac, token };
}

async function plan(
  parts: InstallParts,
  { found, clone, deploy, mac, token }: Session,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request, longestMachine);
  if (body === undefined) {
    sendText(response, 400, 'needs a description of the machine\n');
    return;
  }
  try {
    const target = checkedTarget(JSON.parse(body));
    const facts = checkedFacts(JSON.parse(await readFile(parts.blobs.path(clone.facts), 'utf8')));
    const node = checkedCloneNode({ ...clone.settings, name: found.name, ip: found.node.ip, mac });
    const planned = planDisks(facts.layout, target, node, randomUUID, targetRoot);
    const script = installScript(facts, node, planned);
    const disks = [...planned.disks].map(([name, disk]) => `${name} is ${disk.device}`).join(', ');
    parts.log(`installation of ${found.name}: ${disks}`);
    const of = { mac, node: found.name };
    const before = await parts.boots.begin(of, deploy);
    if (before !== undefined) {
      parts.log(`installation of ${found.name} begins again: the try before did not get beyond: ${before}`);
      parts.boots.progress(of, `beginning again; the try before did not get beyond: ${before}`, token.bootId);
    }
    sendText(response, 200, script);
  } catch (thrown) {
    const error = HostlerError.from(thrown);
    if (error.code !== 'failed_precondition' && error.code !== 'invalid_argument' && !(thrown instanceof SyntaxError))
      throw thrown;
    parts.log(`installation of ${found.name} refused: ${error.message}`);
    parts.boots.refuse({ mac, node: found.name }, error.message, token.bootId);
    sendText(response, 409, `${error.message}\n`);
  }
}

/** Tells how far the machine is, so that it need not stop to say so. */
async function tree(
  parts: InstallParts,
  { found, clone, mac, token }: Session,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const first = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  let last = { sent: first, at: Date.now() };
  const tell = (): void => {
    const sent = Math.min(clone.treeBytes, first + (response.socket?.bytesWritten ?? 0) - before);
    const percent = Math.floor((sent / Math.max(1, clone.treeBytes)) * 100);
    const now = Date.now();
    const rate = (sent - last.sent) / Math.max(1, now - last.at) / 1000;
    last = { sent, at: now };
    const megabytes = `${(sent / 1e6).toFixed(0)} of ${(clone.treeBytes / 1e6).toFixed(0)} MB`;
    // Read again by manager/verbs/deploys.ts.
    const text = `filling: ${percent} %, ${megabytes}, ${rate.toFixed(1)} MB/s`;
    parts.boots.progress({ mac, node: found.name }, text, token.bootId);
  };
  const before = response.socket?.bytesWritten ?? 0;
  const timer = setInterval(tell, 5000);
  try {
    await sendFile(request, response, parts.blobs.path(clone.tree), { tag: clone.tree });
  } finally {
    clearInterval(timer);
  }
}

/** An override or script, to a machine that it is for and to no other: it may hold secrets. */
async function piece(
  parts: InstallParts,
  { found, clone, mac }: Session,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const wanted = new URL(request.url ?? '', 'https://x').searchParams.get('digest') ?? '';
  const facts = checkedFacts(JSON.parse(await readFile(parts.blobs.path(clone.facts), 'utf8')));
  const node = checkedCloneNode({ ...clone.settings, name: found.name, ip: found.node.ip, mac });
  let one: ClonePiece;
  try {
    one = pieceFor(facts.pieces, { image: facts.image, node: node.name, groups: node.groups }, wanted);
  } catch (error) {
    sendText(response, 404, `${HostlerError.from(error).message}\n`);
    return;
  }
  if (clone.pieces === undefined || one.bytes === 0) {
    sendText(response, 404, 'not here\n');
    return;
  }
  await sendFile(request, response, parts.blobs.path(clone.pieces), { part: { at: one.at, bytes: one.bytes } });
}

async function report(
  parts: InstallParts,
  { found, mac, token }: Session,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = new URLSearchParams((await readBody(request, longestReport)) ?? '').get('text') ?? '';
  const step = printable(text.slice(0, 200)).replace(/[\r\n\t]/g, ' ');
  await parts.boots.step({ mac, node: found.name }, step, token.bootId);
  sendText(response, 200, 'ok\n');
}

/** A new token, since the one of this boot may be old when the machine starts from disk; the manager takes each once. */
function enrolment(parts: InstallParts, { found, clone, mac, token }: Session): CloneEnrolment {
  const issuedAt = Date.now();
  const lookup = parts.lookup();
  const { server, secure } = clone.settings;
  return {
    server,
    secure,
    authority: lookup?.state.service.authority ?? '',
    node: found.name,
    mac,
    image: clone.tree,
    manager: lookup?.managerFor(found) ?? '',
    token: signBootToken(
      {
        node: found.name,
        mac,
        bootId: token.bootId,
        server: parts.server,
        id: randomUUID().replaceAll('-', ''),
        issuedAt,
        expiresAt: issuedAt + bootTokenSeconds * 1000,
      },
      parts.key(),
    ),
  };
}

/** From now on this deploy is over: the machine is given its own disk, however often it asks. */
async function done(parts: InstallParts, session: Session, response: ServerResponse): Promise<void> {
  const { found, mac, deploy, token } = session;
  await parts.boots.finish({ mac, node: found.name }, deploy, token.bootId);
  parts.log(`${found.name} is installed`);
  sendText(response, 200, 'ok\n');
}
