import { basename } from 'node:path';
import { parseNim } from './arguments.ts';
import { companions } from './companions.ts';
import { release } from './define.ts';
import { lsnim } from './lsnim.ts';
import { NimError, report } from './messages.ts';
import { needConfigured } from './objects.ts';
import { operate } from './operations.ts';
import { masterSetup, nimConfig, nimQuery } from './setup.ts';
import { behaviour, pause, read, record, recordEnd, setBehaviour } from './state.ts';

const program = basename(process.argv[1] ?? '');
const argv = process.argv.slice(2);

async function run(): Promise<number> {
  record(program, argv);
  const { commandSeconds, noise, failOnce, missingExit } = behaviour();
  await pause(commandSeconds);
  if (noise !== '') process.stderr.write(`${noise}\n`);
  const words = [program, ...argv].join(' ');
  const failing = failOnce.find((start) => words.startsWith(start));
  if (failing !== undefined) {
    setBehaviour({ failOnce: failOnce.filter((start) => start !== failing) });
    process.stderr.write(
      report(
        new NimError('0042-175', 'c_stat', 'An unexpected result was returned by the "/usr/sbin/mount" command'),
        program,
        argv.at(-1) ?? '',
      ),
    );
    return 1;
  }
  try {
    if (program === 'nim') return await nim();
    if (program === 'lsnim') {
      needConfigured(program);
      process.stdout.write(lsnim(argv));
    } else if (program === 'nim_master_setup') await masterSetup(argv);
    else if (program === 'nimconfig') nimConfig(argv);
    else if (program === 'nimquery') process.stdout.write(nimQuery(argv));
    else {
      const companion = companions[program];
      if (!companion) throw new Error(`the stand-in has no program ${program}`);
      process.stdout.write(await companion(argv));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof NimError)) throw error;
    process.stderr.write(report(error, program, argv.at(-1) ?? ''));
    return error.id === '0042-053' && program === 'lsnim' ? missingExit : error.exit;
  }
}

/** Every object is tried; the exit code is that of the last failure. */
async function nim(): Promise<number> {
  needConfigured('nim');
  const call = parseNim(argv);
  let exit = 0;
  for (const name of call.objects) {
    stopPolitely(name);
    try {
      await operate(call, name);
    } catch (error) {
      if (!(error instanceof NimError)) throw error;
      process.stderr.write(
        report(error, 'nim', error.bare ? name : read().objects[name]?.class === 'machines' ? name : 'master'),
      );
      // The wrapper's number; a bare message has its own.
      exit = error.bare ? error.exit : 1;
    }
  }
  return exit;
}

/** 18: interrupted work says so and leaves what it was doing half done. */
function stopPolitely(name: string): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.removeAllListeners(signal);
    process.once(signal, () => {
      release(name);
      process.stderr.write(
        `0042-002 nim: interrupt signal received: ${signal === 'SIGTERM' ? '15' : signal === 'SIGINT' ? '2' : '1'}\n`,
      );
      process.exit(2);
    });
  }
}

process.exitCode = await run();
recordEnd();
