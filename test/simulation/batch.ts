/** Many seeds on several threads. */
import { Worker } from 'node:worker_threads'

export interface BatchRequest {
  readonly from: number
  readonly count: number
  /** Name of a planted bug; `null`: none. */
  readonly plant: string | null
}

export interface FailedSeed {
  readonly seed: number
  readonly steps: number
  readonly problems: readonly string[]
}

export interface BatchResult {
  readonly seeds: number
  readonly steps: number
  readonly failed: readonly FailedSeed[]
  readonly faults: Readonly<Record<string, number>>
  /** By status; `determined`: those whose outcome faults could not change. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** Seeds a thread takes at a time. */
const CHUNK = 25

/** Runs the seeds; stops handing out more once `maxFailed` have failed. */
export async function runBatch(request: BatchRequest, threads: number, maxFailed: number): Promise<BatchResult> {
  const chunks: BatchRequest[] = []
  for (let at = 0; at < request.count; at += CHUNK) {
    chunks.push({ ...request, from: request.from + at, count: Math.min(CHUNK, request.count - at) })
  }
  const results: BatchResult[] = []
  let failed = 0
  const next = () => (failed >= maxFailed ? undefined : chunks.shift())
  const take = (result: BatchResult) => {
    results.push(result)
    failed += result.failed.length
  }
  await Promise.all(Array.from({ length: Math.min(threads, chunks.length) }, () => runThread(next, take)))
  return merge(results)
}

async function runThread(next: () => BatchRequest | undefined, take: (result: BatchResult) => void): Promise<void> {
  const worker = new Worker(new URL('./batch-worker.ts', import.meta.url))
  try {
    for (let chunk = next(); chunk !== undefined; chunk = next()) {
      worker.postMessage(chunk)
      take(await answer(worker))
    }
  } finally {
    await worker.terminate()
  }
}

function answer(worker: Worker): Promise<BatchResult> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      worker.off('message', done)
      worker.off('error', broken)
    }
    const done = (result: BatchResult) => {
      stop()
      resolve(result)
    }
    const broken = (error: Error) => {
      stop()
      reject(error)
    }
    worker.on('message', done)
    worker.on('error', broken)
  })
}

function merge(results: readonly BatchResult[]): BatchResult {
  const faults: Record<string, number> = {}
  const outcomes: Record<string, number> = {}
  for (const result of results) {
    for (const [name, times] of Object.entries(result.faults)) faults[name] = (faults[name] ?? 0) + times
    for (const [name, times] of Object.entries(result.outcomes)) outcomes[name] = (outcomes[name] ?? 0) + times
  }
  return {
    seeds: results.reduce((sum, result) => sum + result.seeds, 0),
    steps: results.reduce((sum, result) => sum + result.steps, 0),
    failed: results.flatMap((result) => result.failed).sort((a, b) => a.seed - b.seed),
    faults,
    outcomes,
  }
}
