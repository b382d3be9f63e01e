import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimCheckSpec } from '../../../shared/task/nim.ts';
import { resourceIsReady, type NimMaster } from './master.ts';
import { first, type NimObject } from './objects.ts';
import { checkPackages } from './packages.ts';
import { checkSsl } from './ssl.ts';

/** The NIM facts' ladder, section 12: what to try next for something half-built, gentlest first. */
const ladder = ['reset', 'check'] as const;

/**
 * Compares resources with their definitions and names the half-built ones. With `recover` it climbs the ladder step by
 * step, looks after each, and never removes anything: that last step is told, not taken.
 */
export async function checkMaster(
  master: NimMaster,
  spec: NimCheckSpec,
): Promise<{ lines: string[]; broken: string[] }> {
  if (spec.ssl !== undefined) return checkSsl(master, spec.ssl, spec.recover);
  const lines: string[] = [];
  const broken: string[] = [];
  const known = new Map((await master.showAll()).map((object) => [object.name, object]));
  const wanted =
    spec.resources.length > 0
      ? spec.resources
      : [...known.values()]
          .filter((object) => object.class === 'resources')
          .map(({ name, type }) => ({ name, type, location: '' }));
  for (const { name, type, location } of wanted) {
    const object = known.get(name);
    const trouble = troubleOf(object, type, location, name);
    if (trouble === undefined) continue;
    lines.push(trouble);
    if (!object || object.type !== type || resourceIsReady(object)) {
      broken.push(name);
      continue;
    }
    if (await master.underWay(name)) {
      lines.push(`${name}: work on it is under way; wait for its end.`);
      continue;
    }
    if (!spec.recover || !(await recovered(master, object, lines))) {
      broken.push(name);
      lines.push(...advice(object, spec.recover));
    }
  }
  if (spec.packages !== undefined) {
    const software = await checkPackages(master, spec.packages);
    lines.push(...software.lines);
    broken.push(...software.broken);
  }
  return { lines, broken };
}

function troubleOf(object: NimObject | undefined, type: string, location: string, name: string): string | undefined {
  if (!object) return `${name}: there is no such NIM object; a definition names it as ${type}.`;
  if (object.type !== type) return `${name}: is a ${object.type}; a definition names it as ${type}.`;
  if (location !== '' && first(object, 'location') !== location)
    return `${name}: lies at ${first(object, 'location')}; its definition says ${location}.`;
  if (object.attributes.has('Rstate') && !resourceIsReady(object))
    return `${name}: is not ready (Rstate "${first(object, 'Rstate')}", before "${first(object, 'prev_state')}").`;
  return undefined;
}

async function recovered(master: NimMaster, object: NimObject, lines: string[]): Promise<boolean> {
  for (const step of ladder) {
    if (step === 'reset' && object.type !== 'spot') continue;
    if (step === 'check' && object.type !== 'spot' && object.type !== 'lpp_source') continue;
    let well = true;
    try {
      await master.nim(step, object.name, [], { force: true });
      lines.push(`${object.name}: nim -Fo ${step} was run.`);
    } catch (thrown) {
      well = false;
      lines.push(`${object.name}: nim -Fo ${step} failed: ${HostlerError.from(thrown).message}`);
    }
    // A reset only says that the object is ready; the check after it looks at the tree.
    const now = await master.show(object.name);
    if (step === 'check' && well && now && resourceIsReady(now)) {
      lines.push(`${object.name}: is ready again.`);
      return true;
    }
  }
  return false;
}

function advice(object: NimObject, tried: boolean): string[] {
  const steps = tried ? [] : [`nim -Fo reset ${object.name}`, `nim -Fo check ${object.name}`];
  const last = [
    `nim -Fo remove ${object.name}`,
    `unmount what is left below ${first(object, 'location')}, delete it, and make the image again`,
  ];
  return [
    `${object.name}: next steps, looking with "lsnim -l ${object.name}" after each: ${[...steps, ...last].join('; ')}.`,
    'When clients get no answer from the master: restart inetd, then tftp and NFS (stopsrc -s inetd; startsrc -s inetd; stopsrc -g nfs; startsrc -g nfs).',
  ];
}
