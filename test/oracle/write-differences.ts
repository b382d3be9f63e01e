/* npx tsx test/oracle/write-differences.ts: makes the last section of docs/xcat-differences.md anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadDifferences, withRecordedCases } from './differences.ts';

const path = fileURLToPath(new URL('../../docs/xcat-differences.md', import.meta.url));
writeFileSync(path, withRecordedCases(readFileSync(path, 'utf8'), loadDifferences()));
