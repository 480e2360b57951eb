import { realEnvironment } from '../../connectors/environment.ts'
import { openEmbeddedLog } from '../../connectors/log-embedded/embedded-log.ts'
import { builtInBlocks } from '../../processors/execute/blocks/registry.ts'
import { Node } from '../../topology/node/node.ts'
import { createTopology } from '../../topology/topology.ts'
export const stats = { commits: 0, records: 0, decideMs: 0, commitMs: 0 }
export type BeamlineNode = { log: import('../../topology/log/port.ts').Log; close(): Promise<void> }
export async function startBeamline(config: { dataFolder: string; gateway?: boolean; readModel?: boolean; partitions?: number }): Promise<BeamlineNode> {
  const environment = realEnvironment
  const log = await openEmbeddedLog({ folder: config.dataFolder, partitions: config.partitions ?? 4, environment })
  const built = builtInBlocks({ now: () => environment.now(), after: environment.after, random: () => 0.5 } as never)
  const node = new Node({ log, environment, topology: createTopology(), workerId: 'w', tasks: true,
    pools: [{ pool: 'io', concurrency: 256, blocks: built.blocks }],
    taskObserver: { phase: () => {}, restored: () => {}, restoreProgress: () => {}, committed: (c) => { stats.commits++; stats.records += c.records; stats.decideMs += c.decideMs; stats.commitMs += c.commitMs }, counted: () => {}, deadLettered: (...a) => console.error('dead', a), reopening: (t, e) => console.error('reopening', t, e) } })
  await node.start()
  while (!node.isReady()) await new Promise((r) => setTimeout(r, 5))
  return { log, close: async () => { await node.drain(); await built.close(); await log.close() } }
}
