import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { HostlerError } from '../../shared/errors/error.ts';

export interface QuickstartOptions {
  /** Leave the cluster running until Ctrl-C. */
  readonly keep: boolean;
  /** Where timeline and figures are written. */
  readonly json: string | undefined;
  /** Private folder: everything is in it. */
  readonly dir: string;
  readonly firmware: 'bios' | 'uefi';
  /** How the node's agent talks with the manager. */
  readonly link: 'grpc' | 'nats';
  /** For tests of the quickstart itself: spoil something, and it must notice. */
  readonly sabotage: 'image' | undefined;
}

export const usage = `npm run quickstart -- [--keep] [--json FILE] [--dir DIR] [--firmware bios|uefi] [--link grpc|nats]

Builds an operating-system image, boots a virtual machine from it over a private network, and shows what happened.
  --keep           leave the cluster running until Ctrl-C
  --json FILE      write timeline and figures
  --dir DIR        private folder (.hostler); keeps caches, so that a second run is quick
  --firmware KIND  bios (default) or uefi
  --link KIND      grpc (default); nats: the manager starts a broker, and the node reports by way of it
`;

export function parseOptions(argv: readonly string[], root: string): QuickstartOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      keep: { type: 'boolean', default: false },
      json: { type: 'string' },
      dir: { type: 'string' },
      firmware: { type: 'string', default: 'bios' },
      link: { type: 'string', default: 'grpc' },
      sabotage: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.firmware !== 'bios' && values.firmware !== 'uefi') {
    throw new HostlerError('invalid_argument', `--firmware is bios or uefi, not '${values.firmware}'.`);
  }
  if (values.link !== 'grpc' && values.link !== 'nats') {
    throw new HostlerError('invalid_argument', `--link is grpc or nats, not '${values.link}'.`);
  }
  if (values.sabotage !== undefined && values.sabotage !== 'image') {
    throw new HostlerError('invalid_argument', `--sabotage knows only 'image'.`);
  }
  const dir = resolve(values.dir ?? resolve(root, '.hostler'));
  // Unix sockets are made in it; their names have room for 107 characters.
  if (Buffer.byteLength(dir) > 70) {
    throw new HostlerError(
      'invalid_argument',
      `The path ${dir} is too long for the sockets in it; name a shorter one with --dir.`,
    );
  }
  const { keep, json, firmware, link, sabotage } = values;
  const options: QuickstartOptions = { keep, json, dir, firmware, link, sabotage };
  return options;
}
