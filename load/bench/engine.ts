/** Beamline in this process, as a benchmark uses it, on the embedded log or beside a Kafka. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogChoice } from '../../connectors/open-log.ts'
import { type BeamlineNode, startBeamline } from '../../main.ts'
import type { BlockSettings } from '../../processors/execute/blocks/settings.ts'
import type { CommitStats } from '../../topology/task/observer.ts'
import { BenchClient } from './client.ts'

export interface EngineCounts {
  /** Records appended to all topics. */
  readonly records: number
  /** Commits of tasks: on Kafka a transaction each, on the embedded log several may share one. */
  readonly commits: number
  /** Changes of rows in those commits. */
  readonly writes: number
  readonly cpuUs: number
}

export class BenchEngine extends BenchClient {
  readonly folder: string
  readonly node: BeamlineNode
  readonly #totals: Totals

  private constructor(folder: string, node: BeamlineNode, totals: Totals) {
    super(node.log)
    this.folder = folder
    this.node = node
    this.#totals = totals
  }

  /** Default: the embedded log in a temporary folder. `blocks`: what blocks may use beside this machine's servers. */
  static async start(log: LogChoice = { kind: 'embedded' }, blocks: BlockSettings = {}): Promise<BenchEngine> {
    const folder = mkdtempSync(join(tmpdir(), 'beamline-bench-'))
    const totals: Totals = { commits: 0, writes: 0, commitMs: [] }
    const node = await startBeamline({
      dataFolder: folder,
      log,
      roles: ['tasks', 'execute:io', 'execute:cpu', 'execute:gpu'],
      blocks: { egress: { allow: ['127.0.0.0/8', '::1/128'] }, ...blocks },
      onCommit: (stats) => add(totals, stats),
    })
    return new BenchEngine(folder, node, totals)
  }

  async counts(): Promise<EngineCounts> {
    const cpu = process.cpuUsage()
    const described = await this.node.log.describe()
    const { commits, writes } = this.#totals
    const records = described.reduce((sum, { nextOffset }) => sum + nextOffset, 0)
    return { records, commits, writes, cpuUs: cpu.user + cpu.system }
  }

  /** How long each commit since the last call took, in milliseconds. */
  takeCommitMs(): readonly number[] {
    return this.#totals.commitMs.splice(0)
  }

  override async close(): Promise<void> {
    await super.close()
    await this.node.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

interface Totals {
  commits: number
  writes: number
  readonly commitMs: number[]
}

const MOST_SAMPLES = 200_000

function add(totals: Totals, { writes, commitMs }: CommitStats): void {
  totals.commits++
  totals.writes += writes
  if (totals.commitMs.length < MOST_SAMPLES) totals.commitMs.push(commitMs)
}
