import { isHostName } from '../../../shared/boot/address.ts';
import { attribute } from '../../../shared/objects/index.ts';
import type { NimPassword, NimPostscripts, NimSpotSetup } from '../../../shared/task/nim.ts';
import { secretOf } from '../../../shared/verb/secret.ts';
import { valueIn, type View } from '../../../shared/verb/view.ts';
import { scriptCalls } from '../boot/script-calls.ts';
import { scriptEnvironment } from '../boot/script-environment.ts';
import { site } from './common.ts';

/** The port that xCAT's nodes report to. */
const reportPort = 3002;

const variables: Readonly<Record<string, string>> = {
  os: 'OSVER',
  profile: 'PROFILE',
  provmethod: 'PROVMETHOD',
  currstate: 'NODESETSTATE',
};

/** What nodes run when they boot; what is alike for all of them is told once. */
export function nimPostscripts(
  known: View,
  nodes: readonly {
    readonly node: string;
    readonly name: string;
    readonly image: string;
    /** Attributes that the node has once it is set up: its scripts are told these, and not those of before. */
    readonly becomes: Readonly<Record<string, string>>;
  }[],
  folder: string,
): NimPostscripts {
  const each = nodes.map(({ node, name, image, becomes }) => ({
    node,
    name,
    address: attribute(known, 'node', node, 'ip')?.value ?? '',
    reportTo: masterFor(known, node),
    environment: {
      ...scriptEnvironment(known, node),
      ...Object.fromEntries(
        Object.entries(becomes).flatMap(([attr, value]) => {
          const variable = variables[attr];
          return variable === undefined ? [] : [[variable, value]];
        }),
      ),
    },
    scripts: [...scriptCalls(known, node, 'postscripts', image), ...scriptCalls(known, node, 'postbootscripts', image)],
  }));
  const common = Object.fromEntries(
    Object.entries(each[0]?.environment ?? {}).filter(([key, value]) =>
      each.every(({ environment }) => environment[key] === value),
    ),
  );
  const port = Number(site(known, 'xcatiport') || reportPort);
  return {
    folder,
    environment: common,
    reportPort: Number.isInteger(port) && port > 0 && port < 65_536 ? port : reportPort,
    nodes: each.map((one) => ({
      ...one,
      environment: Object.fromEntries(Object.entries(one.environment).filter(([key]) => !(key in common))),
    })),
  };
}

/** What the node calls its master, where that can be called. */
function masterFor(known: View, node: string): string {
  const name = attribute(known, 'node', node, 'xcatmaster')?.value || site(known, 'master');
  return isHostName(name) ? name : '';
}

export function spotSetup(known: View, spot: string, folder: string): NimSpotSetup {
  const master = site(known, 'nimprime') || site(known, 'master');
  return { spot, postscripts: folder, master: isHostName(master) ? master : '', rootPassword: rootPassword(known) };
}

/** `tabch key=system,username=root passwd.password=...`. The value itself is not in what the verb returns. */
export function rootPassword(known: View): NimPassword {
  const name = 'system,root';
  const row = known.row('passwd', name);
  if ((valueIn(row, 'passwd.password') ?? '') === '') return { value: '', cryptmethod: '' };
  const value = secretOf('passwd', name, 'passwd.password') as unknown as string;
  return { value, cryptmethod: valueIn(row, 'passwd.cryptmethod') ?? '' };
}
