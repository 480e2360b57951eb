/** `beamline flow check` and `beamline flow test`: what this machine's blocks take, and a dry run with the blocks of this machine and a log in memory. */
import { realEnvironment as host } from '../connectors/environment.ts'
import { openMemoryLog } from '../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../connectors/log-memory/storage.ts'
import type { Block } from '../processors/execute/block.ts'
import { openBlocks } from '../processors/execute/blocks/registry.ts'
import { stepTypes } from '../processors/execute/blocks/step-types.ts'
import type { BlockType } from '../schemas/flow/block-types.ts'
import { dryRun } from '../topology/dry-run/dry-run.ts'
import type { DryRunReport, DryRunRequest } from '../topology/dry-run/port.ts'

export interface DryRunner {
  blockTypes(): Promise<readonly BlockType[]>
  run(request: DryRunRequest): Promise<DryRunReport>
  close(): Promise<void>
}

/** Threads are begun with the first run. Secrets, connections and addresses are of no use: what would need them is mocked. */
export function dryRunner(customFolder: string | null, signal: AbortSignal): DryRunner {
  let opened: ReturnType<typeof openBlocks> | null = null
  const open = async (): Promise<readonly Block[]> => {
    opened ??= openBlocks(host, { customFolder, cpuThreads: 1 })
    return (await opened).blocks
  }
  return {
    blockTypes: async () => stepTypes(await open()),
    async run(request) {
      const blocks = await open()
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
