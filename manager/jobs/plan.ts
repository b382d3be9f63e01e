import type { Change, Effect, Json, TaskRequest } from '../../shared/verb/effect.ts';
import type { Step } from '../../shared/verb/verb.ts';
import { type View, valueIn } from '../../shared/verb/view.ts';
import type { Placement } from '../fleet/types.ts';
import { endingOf } from './effects.ts';
import { type EventBody, dataEvent, finishedEvent, outputEvents } from './say.ts';

export interface PlanContext {
  readonly json: boolean;
  readonly known: View;
  readonly isSecret: (column: string) => boolean;
  readonly place: (task: TaskRequest) => Placement;
}

interface PlannedValue {
  readonly [field: string]: Json;
  readonly column: string;
  readonly old: string | null;
  readonly new: string | null;
}

/** Longest value shown whole. */
const longestShown = 200;

function shown(value: string, secret: boolean): string {
  if (secret) return '(secret)';
  const text = value.length > longestShown ? `${value.slice(0, longestShown)}...` : value;
  // One line a value, whatever stands in it.
  return /[\n\r\t\u0000]/.test(text) ? JSON.stringify(text) : text;
}

function valuesOf(change: Change, context: PlanContext): PlannedValue[] {
  const row = context.known.row(change.type, change.name);
  const after =
    change.remove === true ? Object.fromEntries(Object.keys(row ?? {}).map((key) => [key, null])) : change.values;
  return Object.entries(after ?? {})
    .map(([column, value]) => ({ column, old: valueIn(row, column), new: value }))
    .filter(({ old, new: value }) => old !== value)
    .map(({ column, old, new: value }) => {
      const secret = context.isSecret(column);
      return {
        column,
        old: old === null ? null : shown(old, secret),
        new: value === null ? null : shown(value, secret),
      };
    })
    .sort((a, b) => (a.column < b.column ? -1 : 1));
}

function actionOf(change: Change, known: View): 'create' | 'change' | 'remove' {
  if (change.remove === true) return 'remove';
  return known.has(change.type, change.name) ? 'change' : 'create';
}

function plannedChange(change: Change, context: PlanContext): EventBody[] {
  const action = actionOf(change, context.known);
  const values = valuesOf(change, context);
  if (action === 'change' && values.length === 0) return [];
  const { type, name } = change;
  if (context.json) return [dataEvent({ would: action, type, name, values })];
  const lines = values.flatMap(({ column, old, new: value }) => [
    ...(old === null ? [] : [`  - ${column}=${old}`]),
    ...(value === null ? [] : [`  + ${column}=${value}`]),
  ]);
  return outputEvents([`Would ${action} ${type} ${name}${lines.length > 0 ? ':' : ''}`, ...lines].join('\n'), false);
}

function plannedTask(task: TaskRequest, context: PlanContext): EventBody[] {
  const placement = context.place(task);
  const placed = placement.outcome === 'placed';
  if (context.json) {
    const on: Json = { ...task.on };
    const where = placed ? { agent: placement.agent } : { problem: placement.message };
    return [dataEvent({ would: 'run', task: task.title, kind: task.kind, on, ...where })];
  }
  const { role, arch, agent } = task.on;
  const wanted = [
    role === undefined ? '' : `role ${role}`,
    arch === undefined ? '' : `arch ${arch}`,
    agent === undefined ? '' : `agent ${agent}`,
  ];
  const on = wanted.filter((word) => word !== '').join(', ');
  const where = placed ? `that is ${placement.agent}` : `but now there is none: ${placement.message}`;
  return outputEvents(`Would run "${task.title}" (${task.kind}) on ${on}; ${where}`, false);
}

/** What a verb's start would do, as events; nothing of it is done. What it says of its success is left out. */
export function planEvents(step: Step<Json>, context: PlanContext): EventBody[] {
  const events: EventBody[] = [];
  for (const effect of step.effects) {
    const ending = endingOf(effect);
    if (ending !== undefined) return [...end(events, context, step.effects), finishedEvent(ending)];
    if (effect.do === 'commit') for (const change of effect.changes) events.push(...plannedChange(change, context));
    else if (effect.do === 'run') events.push(...plannedTask(effect.task, context));
    else if (effect.do === 'say' && effect.error === true) events.push(...outputEvents(effect.text, true));
  }
  return [...end(events, context, step.effects), finishedEvent({ status: 'done', exit: 0, code: '', message: '' })];
}

function end(events: EventBody[], context: PlanContext, effects: readonly Effect[]): EventBody[] {
  const refused = effects.some((effect) => effect.do === 'refuse');
  if (events.some((event) => event.output?.error !== true) || refused || context.json) return events;
  return [...events, ...outputEvents('Nothing would change.', false)];
}
