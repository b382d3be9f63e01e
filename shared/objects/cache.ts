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
