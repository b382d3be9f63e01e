import { buildListsKind } from '../../../shared/task/build-lists.ts';
import type { BroughtLists, BuildListsResult, BuildListsSpec } from '../../../shared/task/build-lists.ts';
import type { Effect, Json, Report } from '../../../shared/verb/effect.ts';
import type { Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { words } from './description.ts';
import { managementNode } from './management-node.ts';

/*
 * Lists and scripts of an osimage lie on the management node, and on whatever other machine shares that folder. Where a
 * machine that is to build or pack has them not, they are brought to it, and it is asked again: nobody logs in there.
 */

/** What is asked, and asked again with the lists. Part of a verb's state. */
export interface Retry {
  readonly task: {
    readonly key: string;
    readonly kind: string;
    readonly title: string;
    readonly spec: Readonly<Record<string, Json>>;
    readonly deadline: number;
  };
  readonly lists: BuildListsSpec;
  /** Who asked for them, and how; empty before. */
  readonly agent: string;
  readonly problem: string;
  readonly [key: string]: Json;
}

/** Attributes of the osimage to files, as the management node found them. */
type Found = Readonly<Record<string, string>>;
type TaskReport = Extract<Report, { about: 'task' }>;

/** Seconds: small files. */
const deadline = 600;
const missing =
  /^(?:The (?:pkglist|otherpkglist|postinstall_filename) specified |Unable to open the following pkglist files|The exlist file |The synclist |There is no package list of the profile )|, which a synclist names, is not there\.$/;

/**
 * The next step of bringing lists; undefined: this report is not about it. A report: bringing them failed, and the verb
 * is to take this for the end of its task.
 */
export function bringLists<
  S extends { readonly server: string; readonly image: string; readonly retry?: Retry; readonly found?: Found },
>(state: S, report: Report, known: View): Step<S> | TaskReport | undefined {
  const { retry, server, image } = state;
  if (retry === undefined || report.about !== 'task') return undefined;
  const { task, lists } = retry;
  if (report.key === task.key && retry.agent === '') {
    if (!lacksLists(report, server)) return undefined;
    const gather = gathering(known, server, image, lists);
    if (gather === undefined) {
      const why = `It is looked for on ${report.agent}, and no agent with the role store runs on the management node that would bring it.`;
      return { ...report, message: `${report.message} ${why}` };
    }
    return {
      state: { ...state, retry: { ...retry, agent: report.agent, problem: report.message } },
      effects: [gather],
    };
  }
  if (report.key !== 'lists') return undefined;
  if (report.outcome !== 'done') {
    // Nothing is missing there yet: what the management node has not may lie where it is packed.
    if (retry.problem === '' && report.code === 'not_found') {
      const on = { role: 'build', agent: retry.agent };
      return { state: { ...state, retry: { ...retry, agent: '' } }, effects: [{ do: 'run', task: { ...task, on } }] };
    }
    if (retry.problem === '') return { ...report, key: task.key };
    return { ...report, key: task.key, message: `${retry.problem} (on ${retry.agent}; ${report.message})` };
  }
  const { blob, found } = report.result as unknown as BuildListsResult;
  const endpoints = words(known.reported('agent', server)?.['agent.store'] ?? '');
  const brought: BroughtLists = { blob, from: { agent: server, endpoints } };
  const again: Effect = {
    do: 'run',
    task: {
      ...task,
      key: `${task.key}-again`,
      on: { role: 'build', agent: retry.agent },
      spec: { ...task.spec, lists: brought },
    },
  };
  return { state: found === undefined ? state : { ...state, found }, effects: [again] };
}

/** Undefined: nobody on the management node could. */
function gathering(known: View, server: string, image: string, lists: BuildListsSpec): Effect | undefined {
  const on = managementNode(known, server, ['store']);
  if (on === undefined || known.reported('agent', server)?.['agent.state'] !== 'connected') return undefined;
  const title = `Bring the lists of ${image}`;
  return { do: 'run', task: { key: 'lists', kind: buildListsKind, title, on, spec: lists, deadline } };
}

/**
 * Brings the lists before anything is asked of `agent`; undefined: it is the management node, or nobody there could. A
 * synclist names files of the management node, and another machine may well have other ones under the same names.
 */
export function bringFirst(
  known: View,
  { server, image, agent, retry }: { server: string; image: string; agent: string | undefined; retry: Retry },
): { readonly retry: Retry; readonly effect: Effect } | undefined {
  if (agent === undefined || agent === server) return undefined;
  const effect = gathering(known, server, image, retry.lists);
  return effect === undefined ? undefined : { retry: { ...retry, agent }, effect };
}

function lacksLists(report: TaskReport, server: string): report is TaskReport & { readonly outcome: 'failed' } {
  return (
    report.outcome === 'failed' &&
    report.code === 'not_found' &&
    report.agent !== server &&
    missing.test(report.message)
  );
}
