/** The blocks this version has. */
import { availableParallelism } from 'node:os'
import type { Block } from '../block.ts'
import type { DeviceSource } from '../device.ts'
import { jmespathBlock } from './cpu/jmespath.ts'
import { javascriptBlock, SCRIPT_STACK_MB } from './cpu/script/javascript.ts'
import { trustedJavascript } from './cpu/script/javascript-trusted.ts'
import { transformBlock } from './cpu/transform.ts'
import { loadCustomBlocks, NO_CUSTOM_BLOCKS } from './custom/load-custom-blocks.ts'
import { GpuPool } from './gpu/gpu-pool.ts'
import { kernelBlock } from './gpu/kernel.ts'
import { ioBlocks } from './io/io-blocks.ts'
import { createSecretSource } from './secrets/source.ts'
import { withSecrets } from './secrets/with-secrets.ts'
import type { BlockSettings } from './settings.ts'
import type { BlockTools } from './tools.ts'
import { workerFile } from './workers/worker-file.ts'
import { WorkerPool, type WorkerPoolOptions } from './workers/worker-pool.ts'

export type BuiltInOptions = BlockSettings

export interface BuiltInBlocks {
  readonly blocks: readonly Block[]
  /** What the pool `gpu` runs on. */
  readonly device: DeviceSource
  /** Ends threads and connections. Calls that are still running fail. */
  close(): Promise<void>
}

const DEFAULT_HEAP_MB = 512

/** The built-in blocks and those of the operator's folder. @throws {TypeError} for settings or modules that cannot be used */
export async function openBlocks(tools: BlockTools, settings: BlockSettings = {}): Promise<BuiltInBlocks> {
  const { customFolder: folder = null, threadHeapMb: heapMb = DEFAULT_HEAP_MB } = settings
  const custom =
    folder === null ? NO_CUSTOM_BLOCKS : await loadCustomBlocks(tools, { folder, threads: threadsOf(settings), heapMb })
  const builtIn = builtInBlocks(tools, settings, custom.blocks)
  return { ...builtIn, close: async () => void (await Promise.all([builtIn.close(), custom.close()])) }
}

/** With one alone, a script that does not end would hold up all others until its deadline. */
const DEFAULT_THREADS_MIN = 2

function threadsOf({ cpuThreads }: BlockSettings): number {
  return cpuThreads ?? Math.max(DEFAULT_THREADS_MIN, availableParallelism() - 1)
}

/** Threads and connections are opened at the first step that needs them. @throws {TypeError} for settings that cannot be used */
export function builtInBlocks(
  tools: BlockTools,
  settings: BlockSettings = {},
  custom: readonly Block[] = [],
): BuiltInBlocks {
  const heapMb = settings.threadHeapMb ?? DEFAULT_HEAP_MB
  const cpuThreads = threadsOf(settings)
  const cpu = lazyPool({
    file: workerFile('cpu/cpu-worker', import.meta.url),
    size: cpuThreads,
    heapMb,
    stackMb: SCRIPT_STACK_MB,
    after: tools.after,
  })
  const device = new GpuPool(tools, settings.gpu ?? {}, heapMb)
  const trusted = trustedJavascript(tools, { ...settings.scripts, processes: cpuThreads, heapMb })
  const secrets = createSecretSource(settings.secrets)
  const io = ioBlocks(tools, settings, secrets)
  const cpuBlocks = [
    jmespathBlock(tools, cpu.get),
    javascriptBlock(tools, cpu.get, settings.scripts),
    transformBlock(cpu.get),
  ]
  const blocks = [...io.blocks, ...cpuBlocks, trusted.block, kernelBlock(() => device), ...custom]
  return {
    blocks: blocks.map((block) => withSecrets(block, secrets)),
    device,
    close: async () => {
      await Promise.all([io.close(), cpu.close(), trusted.close(), device.close()])
    },
  }
}

interface LazyPool {
  get(): WorkerPool
  close(): Promise<void>
}

function lazyPool(options: Omit<WorkerPoolOptions, 'endedCode'>): LazyPool {
  let pool: WorkerPool | null = null
  return {
    get: () => {
      pool ??= new WorkerPool({ ...options, endedCode: 'WORKER_ENDED' })
      return pool
    },
    close: async () => {
      await pool?.close()
    },
  }
}
