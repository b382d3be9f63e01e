import type { Json, Report } from '../../../shared/verb/effect.ts';

/** How the golden client read each of its file systems, when it has told: a snapshot, or passes and why. */
export function viewsText(report: Extract<Report, { about: 'task' }>): string {
  if (report.outcome !== 'done') return '';
  const { views } = report.result as { readonly [key: string]: Json };
  return Array.isArray(views) && views.length > 0 ? `Read: ${views.join('; ')}.\n` : '';
}
