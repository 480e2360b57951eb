/** A thread of {@link SeedThreads}. */
import { parentPort } from 'node:worker_threads'
import type { ThreadRequest } from './batch.ts'
import { compareFusion } from './fusion.ts'
import { runSeeds } from './run-seeds.ts'

parentPort!.on('message', async (request: ThreadRequest) => {
  parentPort!.postMessage('seeds' in request ? await runSeeds(request.seeds) : await compareFusion(request.fusion))
})
