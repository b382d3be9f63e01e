import type { View } from '../verb/view.ts';

/**
 * Something computed from a view, kept until its revision changes. A view shows later revisions as they come, so the
 * revision is part of the key. What depends on reported state must not be kept here.
 */
export function perRevision<T>(make: (view: View) => T): (view: View) => T {
  const kept = new WeakMap<View, { revision: number; value: T }>();
  return (view) => {
    const known = kept.get(view);
    if (known?.revision === view.revision) return known.value;
    const value = make(view);
    kept.set(view, { revision: view.revision, value });
    return value;
  };
}

/**
 * As perRevision, for what can follow changes of a few objects of one type without looking at all of them: `follow` gets
 * what was made before, may change it, and gives it back.
 */
export function followingChanges<T>(
  type: string,
  make: (view: View) => T,
  follow: (value: T, view: View, changed: readonly string[]) => T,
): (view: View) => T {
  const kept = new WeakMap<View, { revision: number; value: T }>();
  return (view) => {
    const known = kept.get(view);
    if (known?.revision === view.revision) return known.value;
    const changed = known === undefined ? undefined : view.changedSince?.(type, known.revision);
    const value = known === undefined || changed === undefined ? make(view) : follow(known.value, view, changed);
    kept.set(view, { revision: view.revision, value });
    return value;
  };
}
