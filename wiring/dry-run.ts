/** `beamline flow test`: a dry run with the blocks of this machine and a log in memory. */
import { realEnvironment as host } from '../connectors/environment.ts'
import { openMemoryLog } from '../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../connectors/log-memory/storage.ts'
import { openBlocks } from '../processors/execute/blocks/registry.ts'
import { dryRun } from '../topology/dry-run/dry-run.ts'
import type { DryRunReport, DryRunRequest } from '../topology/dry-run/port.ts'

export interface DryRunner {
  run(request: DryRunRequest): Promise<DryRunReport>
  close(): Promise<void>
}

/** Threads are begun with the first run. Secrets, connections and addresses are of no use: what would need them is mocked. */
export function dryRunner(customFolder: string | null, signal: AbortSignal): DryRunner {
  let opened: ReturnType<typeof openBlocks> | null = null
  return {
    async run(request) {
      opened ??= openBlocks(host, { customFolder, cpuThreads: 1 })
      const { blocks } = await opened
      return dryRun(request, {
        host,
        blocks,
        signal,
        openLog: (environment) => openMemoryLog(createMemoryStorage(1, { environment }), environment),
      })
    },
    async close() {
      await (await opened?.catch(() => null))?.close()
    },
  }
}
