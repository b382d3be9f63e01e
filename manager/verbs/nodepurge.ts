import { removingVerb } from './tables/remove-nodes.ts';

export const nodepurge = removingVerb('nodepurge');
