/*
 * npm run quickstart: from a package list to a netbooted node that reports in, on one machine, in a private network.
 * Steps in order; whatever happens the end takes everything away that was started. Exit 0 only when all of it happened.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { run } from '../../shared/process/run.ts';
import { chooseAccel } from '../lab/kvm.ts';
import { createNetwork } from '../lab/network.ts';
import { startVm } from '../lab/vm.ts';
import { timelineText, watchBoot } from './boot.ts';
import { Cluster, endLeftovers } from './cluster.ts';
import { definingCommands, plan, writeScripts } from './definitions.ts';
import { explain } from './explain.ts';
import { type State, milestones } from './node-state.ts';
import { type QuickstartOptions, parseOptions, usage } from './options.ts';
import { spoilImage } from './sabotage.ts';
import { heading, indented, print, seconds } from './show.ts';
import { verify } from './verify.ts';

const root = resolve(import.meta.dirname, '../..');
const dist = join(root, 'dist');

/** Undone in reverse order, each once, whatever the others do. */
const undo: { readonly what: string; readonly how: () => Promise<void> }[] = [];
/** What the failure text needs to look at. */
const seen: { cluster?: Cluster; console?: string; node?: string; step: string } = { step: 'making ready' };

async function quickstart(options: QuickstartOptions, signal: AbortSignal): Promise<void> {
  const { dir } = options;
  const figures: Record<string, number> = {};
  const timed = async <Result>(name: string, work: Promise<Result>): Promise<Result> => {
    const from = seconds();
    const result = await work;
    figures[name] = Number((seconds() - from).toFixed(2));
    return result;
  };

  step(1, 'A manager, a boot agent in a private network, a build agent outside of it');
  await mkdir(dir, { recursive: true, mode: 0o755 });
  await endLeftovers(dir);
  await timed(
    'build',
    run(process.execPath, ['--import', 'tsx', join(root, 'deploy/build.ts')], { cwd: root, signal }),
  );
  const network = await createNetwork({ name: 'quick', taps: 1 });
  undo.push({ what: 'the private network', how: () => network.remove() });
  print(
    `    private network ${network.name}: ${network.bridge} ${network.address}/24, nothing of it reaches this machine's own network`,
  );
  const cluster = await Cluster.start(dir, dist, network, options.link, signal);
  seen.cluster = cluster;
  undo.push({ what: 'manager and agents', how: () => cluster.stop() });
  await cluster.joinBuilder(dist, signal);
  const { commands } = cluster;
  await commands.shown('hostler', 'agents');

  step(2, 'Definitions: a network, an image, a node');
  const definitions = plan(dir, network, randomBytes(8).toString('hex'));
  seen.node = definitions.node;
  await writeScripts(definitions);
  for (const [name = '', ...args] of definingCommands(definitions, network, join(dist, 'share')))
    await commands.shown(name, ...args);
  await commands.shown('lsdef', '-t', 'osimage', definitions.image);

  step(3, 'The image: built from a package list, packed, given to the node');
  await timed('genimage', commands.shown('genimage', definitions.image));
  await timed('packimage', commands.shown('packimage', '-m', 'squashfs', definitions.image));
  await timed('nodeset', commands.shown('nodeset', definitions.node, `osimage=${definitions.image}`));
  if (options.sabotage === 'image') await spoilImage(dir);

  step(4, 'A virtual machine boots from the network');
  const accel = await chooseAccel(join(definitions.rootimgdir, 'kernel'), signal);
  print(`    QEMU, ${accel === 'kvm' ? 'KVM' : 'software emulation (KVM does not work here)'}, ${options.firmware}`);
  const vmOptions = {
    name: definitions.node,
    network,
    tap: 0,
    dir: join(dir, 'vm'),
    firmware: options.firmware,
    accel,
    memoryMiB: 1536,
  };
  seen.console = join(vmOptions.dir, `${definitions.node}.console`);
  const poweredOn = Date.now();
  const vm = await startVm(vmOptions);
  undo.push({ what: 'the virtual machine', how: () => vm.stop() });
  const state = await timed('boot', watchBoot(commands, definitions.node, vm, signal));

  step(5, 'What the node says, checked');
  for (const line of await verify({ commands, definitions, state, vm, link: options.link, signal }))
    print(`    ${line}`);

  step(6, 'The boot, stage by stage');
  print(timelineText(milestones(state), poweredOn));
  print('');
  await commands.shown('lsdef', definitions.node);
  if (options.json !== undefined) await writeReport(options.json, { state, poweredOn, figures, accel, ...definitions });
  print(furtherText(dir, cluster.home, definitions.node));
  if (options.keep) {
    print('\nThe cluster runs until you press Ctrl-C.');
    await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
  }
}

function step(number: number, text: string): void {
  seen.step = text;
  heading(number, text);
}

interface Report {
  readonly state: State;
  readonly poweredOn: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly accel: string;
  readonly nonce: string;
  readonly image: string;
  readonly node: string;
}

async function writeReport(
  file: string,
  { state, poweredOn, figures, accel, nonce, image, node }: Report,
): Promise<void> {
  const timeline = milestones(state).map(({ stage, at }) => ({ stage, seconds: (at - poweredOn) / 1000 }));
  const report = {
    node,
    image,
    nonce,
    accel,
    timeline,
    seconds: { ...figures, total: Number(seconds().toFixed(1)) },
    reported: state,
  };
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

function furtherText(dir: string, home: string, node: string): string {
  return [
    '',
    'To look further, while the cluster runs (--keep):',
    `    export HOSTLER_HOME=${home} PATH=${join(dist, 'bin')}:$PATH`,
    `    lsdef ${node}; hostler jobs; hostler job ID --log; hostler agents -l; hostler history`,
    `    the console: ${join(dir, 'vm', `${node}.console`)}; logs: ${join(dir, 'logs')}`,
  ].join('\n');
}

async function cleanUp(): Promise<void> {
  for (let last = undo.pop(); last !== undefined; last = undo.pop()) {
    const { what, how } = last;
    await how().catch((thrown: unknown) => print(`Could not take away ${what}: ${HostlerError.from(thrown).message}`));
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), root);
  if (options === 'help') {
    print(usage.trimEnd());
    return 0;
  }
  const interrupted = new AbortController();
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => {
      // The second one does not wait; what guards the laboratory still runs.
      if (interrupted.signal.aborted) process.exit(128 + number);
      interrupted.abort(new HostlerError('cancelled', `stopped by ${signal}`));
    });
  }
  let finished = false;
  try {
    await quickstart(options, interrupted.signal);
    finished = true;
    if (options.keep) return 0;
    print(
      `\nAll of it happened, in ${seconds().toFixed(0)} s. (npm run quickstart -- --keep leaves it running to play with.)`,
    );
    return 0;
  } catch (thrown) {
    if (interrupted.signal.aborted) print(`\nStopped while: ${seen.step}.`);
    else print(`\n${indented(await explain(HostlerError.from(thrown), seen, options.dir)).trimStart()}`);
    return interrupted.signal.aborted ? 130 : 1;
  } finally {
    if (!finished || !options.keep) print('Cleaning up.');
    await cleanUp();
  }
}

process.exit(await main());
