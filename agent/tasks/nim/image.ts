import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimImageResult, NimImageSpec } from '../../../shared/task/nim.ts';
import type { NimMaster } from './master.ts';
import { checkNimName } from './names.ts';
import { first } from './objects.ts';
import { ensureResource } from './resources.ts';
import { needSpaceForSpot } from './space.ts';
import { setUpSpot } from './spot-setup.ts';

/** Makes all resources of an image, one after the other; a rerun goes on where the last one stopped. */
export async function makeImage(
  master: NimMaster,
  spec: NimImageSpec,
  progress: (stage: string, done: number, total: number) => void,
): Promise<NimImageResult> {
  for (const resource of spec.resources) checkNimName(resource.name, `the ${resource.type} resource`);
  const lines: string[] = [];
  const resources: Record<string, string> = {};
  if (!(await master.configured())) {
    lines.push('Configuring NIM.');
    await setUp(master, spec);
  }
  if (spec.nfsDomain !== undefined) {
    const own = await master.show('master');
    if (own === undefined || first(own, 'nfs_domain') !== spec.nfsDomain) {
      await master.tool('chnfsdom', [spec.nfsDomain]);
      await master.nim('change', 'master', [['nfs_domain', spec.nfsDomain]]);
    }
  }
  const total = spec.resources.length;
  for (const [done, resource] of spec.resources.entries()) {
    progress(resource.type, done, total);
    let copied = false;
    if (resource.type === 'spot' && spec.copySpot !== undefined && !(await master.show(resource.name))) {
      await copySpot(master, spec.copySpot);
      copied = true;
      lines.push(`Copied the spot resource named '${spec.copySpot.from}' to '${resource.name}'.`);
    }
    if (resource.make?.fromClient !== undefined && !(await master.show(resource.name)))
      lines.push(...(await missingBundles(master, resource.make.fromClient)));
    const found = await ensureResource(master, resource);
    if (found && !copied) lines.push(`Using existing ${resource.type} resource named '${resource.name}'.`);
    if (resource.type === 'spot' && spec.spotSetup !== undefined) await setUpSpot(master, spec.spotSetup, lines);
    if (resource.type === 'lpp_source' && !found) await completeLppSource(master, resource.make?.location ?? '');
    const before = resources[resource.type];
    resources[resource.type] = before === undefined ? resource.name : `${before},${resource.name}`;
  }
  progress('done', total, total);
  return { resources, lines };
}

/** Once: a machine that already is a master, or another master's client, is left alone. */
async function setUp(master: NimMaster, spec: NimImageSpec): Promise<void> {
  const args = [
    '-a',
    `file_system=${spec.base}`,
    '-a',
    'mk_resource=no',
    ...(spec.device === '' ? [] : ['-a', `device=${spec.device}`]),
  ];
  await master.tool('mkdir', ['-p', spec.base]);
  const ran = await master.lasting('nim_master_setup', 'nim_master_setup', args);
  if (ran.exit !== 0 || !(await master.configured())) {
    throw new HostlerError(
      'failed_precondition',
      `NIM could not be set up on ${master.login.name}: ${(ran.stderr || ran.stdout).trim().slice(-1000)}. Set it up there by hand (nim_master_setup), then try again.`,
    );
  }
}

async function copySpot(master: NimMaster, copy: NonNullable<NimImageSpec['copySpot']>): Promise<void> {
  await master.tool('mkdir', ['-p', copy.parent]);
  await needSpaceForSpot(master, copy.parent);
  const ran = await master.lasting(copy.to, 'cpcosi', ['-c', copy.from, '-l', copy.parent, copy.to]);
  if (ran.exit !== 0)
    throw new HostlerError('failed_precondition', `The SPOT ${copy.from} could not be copied: ${ran.stderr.trim()}`);
}

/** The openssh filesets are not in the support-image set, and nodes need them (what xCAT copies). */
async function completeLppSource(master: NimMaster, location: string): Promise<void> {
  const images = `${location}/installp/ppc`;
  if (await master.exists(images)) await master.tool('inutoc', [images]);
}

/** Clones can have only what their source has: without these nobody reaches them. Told, and no reason to stop. */
async function missingBundles(master: NimMaster, client: string): Promise<string[]> {
  let listed: string;
  try {
    listed = (await master.nim('lslpp', client, [['lslpp_flags', 'Lc']])).stdout;
  } catch (thrown) {
    return [`Warning: what is installed on ${client} cannot be seen: ${HostlerError.from(thrown).message}`];
  }
  return ['openssh.base', 'openssl.base']
    .filter((fileset) => !listed.includes(fileset))
    .map(
      (fileset) =>
        `Warning: ${fileset} is not installed on ${client}; nodes that are cloned from it cannot be reached over ssh, and confignimsh does not work there.`,
    );
}
