import { removingVerb } from './tables/remove-nodes.ts';

/** Services are always rendered from the definitions, so that nothing but the definitions has to be cleaned. */
export const nodepurge = removingVerb('nodepurge');
