/** The blocks this version has. */
import { availableParallelism } from 'node:os'
import type { Block } from '../block.ts'
import { jmespathBlock } from './cpu/jmespath.ts'
import { kernelBlock } from './gpu/kernel.ts'
import { echo } from './io/echo.ts'
import { failBlock } from './io/fail.ts'
import { type HttpOptions, httpBlock } from './io/http.ts'
import { sleepBlock } from './io/sleep.ts'
import type { BlockTools } from './tools.ts'
import { workerFile } from './workers/worker-file.ts'
import { WorkerPool } from './workers/worker-pool.ts'

export interface BuiltInOptions {
  readonly http?: HttpOptions
  /** Threads of the cpu pool; default one less than there are cores, at least 1. */
  readonly cpuThreads?: number
  /** Heap of a worker thread; default 512. */
  readonly threadHeapMb?: number
}

export interface BuiltInBlocks {
  readonly blocks: readonly Block[]
  /** Ends threads and connections. Calls that are still running fail. */
  close(): Promise<void>
}

const DEFAULT_HEAP_MB = 512

/** Threads and connections are opened at the first step that needs them. */
export function builtInBlocks(tools: BlockTools, options: BuiltInOptions = {}): BuiltInBlocks {
  const heapMb = options.threadHeapMb ?? DEFAULT_HEAP_MB
  const cpuThreads = options.cpuThreads ?? Math.max(1, availableParallelism() - 1)
  const cpu = lazyPool(workerFile('cpu/cpu-worker', import.meta.url), cpuThreads, heapMb)
  const device = lazyPool(workerFile('gpu/device-worker', import.meta.url), 1, heapMb)
  const http = httpBlock(tools, options.http)
  return {
    blocks: [echo, sleepBlock(tools), http.block, failBlock(tools), jmespathBlock(cpu.get), kernelBlock(device.get)],
    close: async () => {
      await Promise.all([http.close(), cpu.close(), device.close()])
    },
  }
}

interface LazyPool {
  get(): WorkerPool
  close(): Promise<void>
}

function lazyPool(file: URL, size: number, heapMb: number): LazyPool {
  let pool: WorkerPool | null = null
  return {
    get: () => {
      pool ??= new WorkerPool({ file, size, heapMb, endedCode: 'WORKER_ENDED' })
      return pool
    },
    close: async () => {
      await pool?.close()
    },
  }
}
