// A process that owns a worker as the editor does, and tells what it does on its stdout, line by line: crash.ts kills it.
import { writeSync } from 'node:fs';
import { driveSchema, driveWorker } from './driveWorker.ts';

// A pipe that is written to at once: what the host knows, its reader knows.
await driveWorker(driveSchema.parse(JSON.parse(process.argv[2] ?? '')), (event) => {
  writeSync(1, `${JSON.stringify(event)}\n`);
});
// It is there until it is killed; the worker's pipes keep it.
