import type { NimClientsResult, NimGroupsSpec } from '../../../shared/task/nim.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimMaster } from './master.ts';
import { checkNimName } from './names.ts';

/** NIM takes no more machines into one group. */
const mostMembers = 1024;

/** Machine groups: the first member defines, the others are added; only machines that NIM knows. */
export async function serveGroups(master: NimMaster, spec: NimGroupsSpec): Promise<NimClientsResult> {
  const known = await master.showMany([...new Set(spec.groups.flatMap(({ name, members }) => [name, ...members]))]);
  const done: string[] = [];
  const failed: Record<string, string> = {};
  const lines: string[] = [];
  for (const { name, members } of spec.groups) {
    try {
      checkNimName(name, 'the group');
      const object = known.get(name);
      if (object && object.class !== 'groups')
        throw new HostlerError('already_exists', `The NIM object ${name} is a ${object.type}, not a group.`);
      if (spec.action === 'remove') {
        if (object) await master.nim('remove', name);
        done.push(name);
        continue;
      }
      if (object && !spec.force)
        throw new HostlerError(
          'already_exists',
          `The group '${name}' is already defined. Use -u to update it, or -f to define it again.`,
        );
      if (object) await master.nim('remove', name);
      const machines = members.filter((member) => known.get(member)?.class === 'machines');
      for (const member of members)
        if (!machines.includes(member))
          lines.push(`The node '${member}' is not a NIM machine and is left out of the group '${name}'.`);
      if (machines.length === 0)
        throw new HostlerError(
          'failed_precondition',
          `None of the members of ${name} is a NIM machine. Define them first: xcat2nim -t node.`,
        );
      if (machines.length > mostMembers)
        throw new HostlerError(
          'out_of_range',
          `${name} has ${String(machines.length)} members, and NIM allows ${String(mostMembers)}.`,
        );
      const [head = '', ...rest] = machines;
      await master.nim('define', name, [['add_member', head]], { type: 'mac_group' });
      await addMembers(master, name, rest);
      done.push(name);
    } catch (thrown) {
      failed[name] = HostlerError.from(thrown).message;
    }
  }
  return { done, failed, lines };
}

/** All at once; where a master takes an attribute only once, one after the other. */
async function addMembers(master: NimMaster, group: string, members: readonly string[]): Promise<void> {
  const adding = (names: readonly string[]): Promise<unknown> =>
    master.nim(
      'change',
      group,
      names.map((member) => ['add_member', member] as const),
    );
  if (members.length === 0) return;
  try {
    await adding(members);
  } catch (thrown) {
    if (members.length === 1) throw thrown;
    master.log(HostlerError.from(thrown).message);
    for (const member of members) await adding([member]);
  }
}
