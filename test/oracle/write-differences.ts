/* npx tsx test/oracle/write-differences.ts: writes docs/xcat-differences.md. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { differencesText, loadDifferences } from './differences.ts';

writeFileSync(
  fileURLToPath(new URL('../../docs/xcat-differences.md', import.meta.url)),
  differencesText(loadDifferences()),
);
