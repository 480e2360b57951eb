/** Appends until it is killed; prints each text once its append is acknowledged. Argument: the folder. */
import { writeSync } from 'node:fs'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import { record } from '../../conformance/log/harness.ts'

const log = await openEmbeddedLog({
  folder: process.argv[2]!,
  partitions: 2,
  environment: realEnvironment,
  checkpointBytes: 1,
})
let count = 0
for (;;) {
  // Several at once, so that the kill meets full groups too
  const batch = Array.from({ length: 5 }, () => `${process.pid}.${count++}`)
  await Promise.all(batch.map((text) => log.append([record('ingest', 0, text), record('events', 1, 'x'.repeat(3000))])))
  writeSync(1, `${batch.join('\n')}\n`)
}
