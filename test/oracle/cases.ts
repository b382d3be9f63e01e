import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the original printed for one command line. Format: README of the folder that the cases come in. */
export interface Case {
  readonly id: string;
  readonly group: string;
  readonly setup: readonly string[];
  readonly cmd: string;
  readonly stdin?: string;
  readonly match: 'exact' | 'order' | 'varies' | 'rc';
  readonly expected: Answer;
  /** Another run's answer, where runs differed. */
  readonly alternative?: Answer;
}

export interface Answer {
  readonly rc: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Table name to rows, each column to value. */
export type StartState = Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>;

/** The recorded answers lie beside the project; a copy of the project alone has none. */
export const folder = fileURLToPath(new URL('../../../shared/oracle', import.meta.url));

export function areThere(): boolean {
  return existsSync(join(folder, 'cases.jsonl')) && existsSync(join(folder, 'start-state.json'));
}

interface Line extends Answer {
  readonly id: string;
  readonly group: string;
  readonly setup: readonly string[];
  readonly cmd: string;
  readonly stdin?: string;
  readonly match: Case['match'];
  readonly alternative?: Answer;
}

/** By group, in order: each group begins from the start state, its cases build on each other. */
export function loadCases(): Map<string, Case[]> {
  const groups = new Map<string, Case[]>();
  for (const text of readFileSync(join(folder, 'cases.jsonl'), 'utf8').split('\n')) {
    if (text.trim() === '') continue;
    const { rc, stdout, stderr, ...rest } = JSON.parse(text) as Line;
    const list = groups.get(rest.group) ?? [];
    list.push({ ...rest, expected: { rc, stdout, stderr } });
    groups.set(rest.group, list);
  }
  return groups;
}

export function loadStartState(): StartState {
  return JSON.parse(readFileSync(join(folder, 'start-state.json'), 'utf8')) as StartState;
}

/** Depend on files and services of the original; counted apart. */
export const apart: ReadonlySet<string> = new Set([
  'genimage-dryrun',
  'nodeset',
  'makehosts-makedns',
  'undefined-node-actions',
  'seed-sysclone',
  'client-environment',
  'osimage-def',
]);
