import { removingVerb } from './tables/remove-nodes.ts';

export const noderm = removingVerb('noderm');
