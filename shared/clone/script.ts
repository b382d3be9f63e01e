import { fittedFstab, fittedTable } from '../layout/fstab.ts';
import { renamed } from '../layout/ids.ts';
import { spareEsps } from '../layout/firmware.ts';
import { disksBelow, mountedAt } from '../layout/layout.ts';
import type { DiskPlan } from '../layout/plan.ts';
import { devicesOf } from '../layout/steps.ts';
import type { DiskStep } from '../layout/steps.ts';
import { quoted, quotedLine } from '../text/shell-words.ts';
import { earlyLines, requireEarly } from './early.ts';
import type { CloneFacts } from './facts.ts';
import { loaderLines } from './loader.ts';
import { networkFiles } from './network.ts';
import type { CloneFile } from './network.ts';
import type { CloneNode } from './node.ts';
import { overridesFor, scriptsFor } from './pieces.ts';
import type { ClonePiece } from './pieces.ts';

/** Where the new system is mounted while it is made. */
export const targetRoot = '/target';

/**
 * What one machine runs to become a clone, for the shell of the installer (agent/tasks/clone/installer/clone.sh, which brings
 * `step`, `wait_for`, `fill` and the others). Everything was decided and checked
 * before; a line that fails ends the installation. Whatever came from outside is quoted.
 */
export function installScript(facts: CloneFacts, node: CloneNode, plan: DiskPlan): string {
  const { layout, ids, disks } = plan;
  requireEarly(facts.early, layout, node.name);
  const network = networkFiles(facts.network, node);
  const files: CloneFile[] = [
    { path: '/etc/fstab', mode: 0o644, text: fittedFstab(facts.fstab, layout, ids) },
    ...(facts.crypttab === ''
      ? []
      : [{ path: '/etc/crypttab', mode: 0o600, text: fittedTable(facts.crypttab, 1, layout, ids) }]),
    { path: '/etc/hostname', mode: 0o644, text: `${node.name}\n` },
    // Empty, not absent: systemd then makes one at the first start (machine-id(5)).
    { path: '/etc/machine-id', mode: 0o444, text: '' },
    ...network.files,
  ];
  const boot = mountedAt(layout, '/boot') ?? mountedAt(layout, '/');
  const bootDisks = boot === undefined ? [] : disksBelow(layout, boot.on);
  const bootDevices = bootDisks.flatMap((name) => {
    const device = disks.get(name)?.device;
    return device === undefined ? [] : [`/dev/${device}`];
  });
  const device = devicesOf(layout, disks);
  const taker = { image: facts.image, node: node.name, groups: node.groups };
  const names = renamed(layout, ids);
  const pairs = [...names].flat();
  return lines(
    `# ${node.name}`,
    ...plan.steps.flatMap(stepLines),
    ...plan.mounts.flatMap(stepLines),
    `by_uuid ${quotedLine(layout.filesystems.flatMap(({ on }) => [ids.filesystems.get(on) ?? '', device(on)]))}`,
    `step filling`,
    `fill ${quotedLine([targetRoot, facts.tree.digest, String(facts.tree.bytes)])}`,
    `step 'fitting the system to this machine'`,
    ...(network.away.length === 0 ? [] : [`away ${quotedLine(network.away)}`]),
    ...files.map((file) => `put ${file.mode.toString(8)} ${quoted(file.path)} ${quoted(file.text)}`),
    `own_name ${quotedLine([node.name, node.domain])}`,
    'own_keys',
    ...overridesFor(facts.pieces, taker).map((one) => `lay ${quotedLine([one.name, one.digest])}`),
    ...(pairs.length === 0 ? [] : [`new_ids ${quotedLine(pairs)}`]),
    ...(facts.mdadmConf === '' || layout.raids.length === 0 ? [] : [`raid_table ${quoted(facts.mdadmConf)}`]),
    ...(facts.drivers ? [`more_drivers ${quotedLine([...disks.values()].map(({ device }) => device))}`] : []),
    ...earlyLines(facts.earlyTexts ?? [], names),
    `step 'installing the boot loader'`,
    ...loaderLines(facts.loader, layout.firmware, bootDevices, node.name),
    ...(layout.firmware === 'uefi' ? spareEsps(layout).map((name) => `other_esp ${quoted(device(name))}`) : []),
    ...scriptLines(scriptsFor(facts.pieces, taker), facts, node),
    `step finishing`,
    'finish',
  );
}

/** Numbered scripts, in the new system, with SystemImager's names for what they may want to know. */
function scriptLines(scripts: readonly ClonePiece[], facts: CloneFacts, node: CloneNode): string[] {
  if (scripts.length === 0) return [];
  const variables = {
    HOSTNAME: node.name,
    DOMAINNAME: node.domain,
    IPADDR: node.ip,
    GATEWAY: node.gateway,
    IMAGENAME: facts.image,
    GROUPNAMES: node.groups.join(' '),
  };
  const text = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}\n`);
  return [
    `put 600 /tmp/post-install/variables.txt ${quoted(text.join(''))}`,
    ...scripts.map((one) => `run_script ${quotedLine([one.name, one.digest])}`),
    'scripts_done',
  ];
}

/** One program of the plan. */
function stepLines(step: DiskStep): string[] {
  const call = quotedLine(step.argv);
  return [
    `step ${quoted(step.title)}`,
    step.input === undefined ? call : `printf %s ${quoted(step.input)} | ${call}`,
    ...(step.makes === undefined || step.makes.length === 0 ? [] : [`wait_for ${quotedLine(step.makes)}`]),
  ];
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
