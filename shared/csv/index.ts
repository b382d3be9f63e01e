export { readCsv } from './read.ts';
export type { CsvRecord, CsvTable } from './read.ts';
export { csvHeader, csvLine } from './write.ts';
