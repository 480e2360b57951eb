/** A thread of {@link runBatch}. */
import { parentPort } from 'node:worker_threads'
import type { BatchRequest } from './batch.ts'
import { runSeeds } from './run-seeds.ts'

parentPort!.on('message', async (request: BatchRequest) => {
  parentPort!.postMessage(await runSeeds(request))
})
