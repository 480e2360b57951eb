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

export interface FusionResult {
  /** Runs whose outcome faults could not change, that ended alike in both. */
  readonly compared: number
  readonly problems: readonly string[]
}

/** What a thread is asked: to simulate some seeds, or to compare their histories fused and unfused. */
export type ThreadRequest = { readonly seeds: BatchRequest } | { readonly fusion: Omit<BatchRequest, 'plant'> }

/** Seeds a thread takes at a time: few, since the others are waited for when one has failed. */
const CHUNK = 5

/** Threads that simulate; kept between batches, since each compiles everything anew. */
export class SeedThreads {
  readonly #workers: readonly Worker[]

  constructor(count: number) {
    this.#workers = Array.from({ length: count }, () => new Worker(new URL('./batch-worker.ts', import.meta.url)))
  }

  /** Runs the seeds; stops handing out more once `maxFailed` have failed. */
  async run(request: BatchRequest, maxFailed: number): Promise<BatchResult> {
    const results: BatchResult[] = []
    let failed = 0
    await this.#all(
      chunksOf(request, () => failed < maxFailed),
      (seeds) => ({ seeds: { ...seeds, plant: request.plant } }),
      (result: BatchResult) => {
        results.push(result)
        failed += result.failed.length
      },
    )
    return merge(results)
  }

  /** Whether histories without faults come to the same outcomes fused and unfused. */
  async compareFusion(from: number, count: number): Promise<FusionResult> {
    const results: FusionResult[] = []
    await this.#all(
      chunksOf({ from, count }, () => true),
      (fusion) => ({ fusion }),
      (result: FusionResult) => results.push(result),
    )
    return {
      compared: results.reduce((sum, { compared }) => sum + compared, 0),
      problems: results.flatMap(({ problems }) => problems),
    }
  }

  async #all<T>(
    chunks: Iterator<Seeds>,
    ask: (seeds: Seeds) => ThreadRequest,
    take: (result: T) => void,
  ): Promise<void> {
    const one = async (worker: Worker): Promise<void> => {
      for (let next = chunks.next(); !next.done; next = chunks.next())
        take((await answer(worker, ask(next.value))) as T)
    }
    await Promise.all(this.#workers.map(one))
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

interface Seeds {
  readonly from: number
  readonly count: number
}

function* chunksOf({ from, count }: Seeds, more: () => boolean): Generator<Seeds, void> {
  for (let at = 0; at < count && more(); at += CHUNK) yield { from: from + at, count: Math.min(CHUNK, count - at) }
}

function answer(worker: Worker, request: ThreadRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      worker.off('message', done)
      worker.off('error', broken)
    }
    const done = (result: unknown) => {
      stop()
      resolve(result)
    }
    const broken = (error: Error) => {
      stop()
      reject(error)
    }
    worker.on('message', done)
    worker.on('error', broken)
    worker.postMessage(request)
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
