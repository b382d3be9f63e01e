import { createServer, type IncomingMessage, type Server } from 'node:http';
import { imageTestPaths, type ImageHealth, type ImageHello } from '../../../shared/task/image-test.ts';
import { sendFile, sendText } from '../../store/send-file.ts';

const longestBody = 256 * 1024;

export interface TestTalk {
  /** Files by digest. */
  readonly blobs: ReadonlyMap<string, string>;
  readonly health: string;
  progress(stage: string, detail: string): void;
  hello(hello: ImageHello): void;
  healthSaid(health: ImageHealth): void;
}

/** What the machine under test can talk to: the image, a place for its stages, and for what its agent says. */
export async function openTestServer(socket: string, talk: TestTalk): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://test');
    const file = talk.blobs.get(/^\/blobs\/([0-9a-f]{64})$/.exec(url.pathname)?.[1] ?? '');
    void (async () => {
      if (file !== undefined) await sendFile(request, response, file);
      else if (url.pathname === '/progress') {
        talk.progress(url.searchParams.get('stage') ?? '', url.searchParams.get('detail') ?? '');
        sendText(response, 200, 'ok\n');
      } else if (url.pathname === imageTestPaths.hello) {
        talk.hello(helloOf(await bodyOf(request)));
        sendText(response, 200, talk.health);
      } else if (url.pathname === imageTestPaths.health) {
        const health = healthOf(await bodyOf(request));
        sendText(response, 200, 'ok\n');
        talk.healthSaid(health);
      } else sendText(response, 404, 'not here\n');
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  return server;
}

function helloOf(body: Body): ImageHello {
  const text = (name: keyof ImageHello): string => {
    const value = body[name];
    return typeof value === 'string' ? value.slice(0, 200) : '';
  };
  return { version: text('version'), kernel: text('kernel'), imageDigest: text('imageDigest'), taskKinds: [] };
}

function healthOf({ exit, output }: Body): ImageHealth {
  return { exit: typeof exit === 'number' ? exit : 1, output: typeof output === 'string' ? output : '' };
}

type Body = Readonly<Record<string, unknown>>;

async function bodyOf(request: IncomingMessage): Promise<Body> {
  let text = '';
  for await (const piece of request as AsyncIterable<Buffer>) {
    text += piece.toString('utf8');
    if (text.length > longestBody) throw new Error('too long');
  }
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('no object');
  return value as Body;
}
