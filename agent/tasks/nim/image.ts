import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimImageResult, NimImageSpec, NimResourceSpec } from '../../../shared/task/nim.ts';
import { lookBefore } from './look-before.ts';
import type { NimMaster } from './master.ts';
import { checkNimName } from './names.ts';
import { first } from './objects.ts';
import { ensureResource } from './resources.ts';
import { needSpaceForImage } from './space.ts';
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
  const configured = await master.configured();
  const missing = await lookBefore(master, spec, configured);
  if (!configured) {
    lines.push('Configuring NIM.');
    await setUp(master, spec);
  }
  await needSpaceForImage(master, spec, missing);
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
    if (resource.type === 'lpp_source' && !found) lines.push(...(await completeLppSource(master, resource)));
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
  const owner = await masterOfClient(master);
  if (owner !== undefined)
    throw new HostlerError(
      'failed_precondition',
      `${master.login.name} is a NIM client of ${owner} (/etc/niminfo), and is not made a master of its own. Run the agent on ${owner}, or take this machine out of NIM there first.`,
    );
  await master.tool('mkdir', ['-p', spec.base]);
  const ran = await master.lasting('nim_master_setup', 'nim_master_setup', args);
  if (ran.exit !== 0 || !(await master.configured())) {
    throw new HostlerError(
      'failed_precondition',
      `NIM could not be set up on ${master.login.name}: ${(ran.stderr || ran.stdout).trim().slice(-1000)}. Set it up there by hand (nim_master_setup), then try again.`,
    );
  }
}

/** Clients have a niminfo too; theirs names another machine. */
async function masterOfClient(master: NimMaster): Promise<string | undefined> {
  const { exit, stdout } = await master.login.run('cat', ['/etc/niminfo']);
  const value = (name: string): string =>
    new RegExp(`^\\s*(?:export\\s+)?${name}=["']?([^"'\\s]*)`, 'm').exec(stdout)?.[1] ?? '';
  const kind = value('NIM_CONFIGURATION');
  if (exit !== 0 || kind === '' || kind === 'master') return undefined;
  return value('NIM_MASTER_HOSTNAME') || 'another master';
}

async function copySpot(master: NimMaster, copy: NonNullable<NimImageSpec['copySpot']>): Promise<void> {
  await master.tool('mkdir', ['-p', copy.parent]);
  const ran = await master.lasting(copy.to, 'cpcosi', ['-c', copy.from, '-l', copy.parent, copy.to]);
  if (ran.exit !== 0)
    throw new HostlerError('failed_precondition', `The SPOT ${copy.from} could not be copied: ${ran.stderr.trim()}`);
}

/**
 * The openssh filesets are not in the support-image set, and nodes need them: what lies anywhere below the source is
 * added (what xCAT copies). An lpp_source without them is one all the same.
 */
const addOpenssh = `
source=$1
images=$2
[ -d "$source" ] && [ -d "$images" ] || exit 0
find "$source" -type f -name 'openssh*' 2>/dev/null | while IFS= read -r file; do
  [ -e "$images/\${file##*/}" ] && continue
  cp -p "$file" "$images/" || exit 1
  echo "\${file##*/}"
done
`;

async function completeLppSource(master: NimMaster, resource: NimResourceSpec): Promise<string[]> {
  const location = resource.make?.location ?? '';
  const source = resource.make?.attributes.find(([key]) => key === 'source')?.[1] ?? '';
  if (location === '' || !source.startsWith('/')) return [];
  const images = `${location}/installp/ppc`;
  const added = await master.login.run('sh', ['-c', addOpenssh, 'sh', source, images]);
  if (added.exit !== 0)
    return [`Warning: the openssh filesets could not be added to ${resource.name}: ${added.stderr.trim()}`];
  if (added.stdout.trim() === '') return [];
  master.log(`Added to ${resource.name}: ${added.stdout.trim().replaceAll('\n', ', ')}`);
  try {
    await master.tool('inutoc', [images]);
  } catch (thrown) {
    return [
      `Warning: the table of contents of ${resource.name} was not made anew: ${HostlerError.from(thrown).message}`,
    ];
  }
  return [];
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
