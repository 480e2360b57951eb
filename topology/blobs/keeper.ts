/** Has rounds and collections done now and then, one after the other, in the background. */
import type { Environment } from '../environment.ts'
import type { Log } from '../log/port.ts'
import type { ReadModel } from '../read-model/port.ts'
import type { Task } from '../task/task.ts'
import { type Collected, collect, taskOwner } from './collector.ts'
import type { BlobStore } from './port.ts'
import { type RoundContext, readModelRound, taskRound } from './rounds.ts'

export interface KeeperConfig {
  readonly log: Pick<Log, 'id' | 'describe' | 'partitions'>
  readonly store: BlobStore
  readonly environment: Environment
  /** Those of this process; the one that has task 0 collects. */
  readonly tasks: () => readonly Task[]
  /** `null` where this process has none that others do not look after. */
  readonly readModel: { readonly model: ReadModel; readonly owner: string } | null
  /** How long a blob stays that nothing refers to. */
  readonly keepMs: number
  readonly onCollected?: (collected: Collected) => void
  readonly onProblem: (message: string) => void
}

export const KEEP_MS = 24 * 3_600_000
const MAX_INTERVAL_MS = 3_600_000

export class BlobKeeper {
  readonly #config: KeeperConfig
  readonly #ending = new AbortController()
  #cancel: (() => void) | null = null
  #working: Promise<void> | null = null

  constructor(config: KeeperConfig) {
    this.#config = config
  }

  start(): void {
    const { environment, keepMs } = this.#config
    if (this.#ending.signal.aborted) return
    this.#cancel = environment.after(Math.min(keepMs / 4, MAX_INTERVAL_MS), () => {
      this.#working = this.work().then(() => {
        this.#working = null
        this.start()
      })
    })
  }

  /** A round of every owner of this process, then a collection. Never rejects. */
  async work(): Promise<void> {
    const { log, store, environment, tasks, readModel, keepMs, onCollected, onProblem } = this.#config
    const { signal } = this.#ending
    const context: RoundContext = { log, store, environment, signal }
    try {
      for (const task of tasks()) await taskRound(context, task, taskOwner(task.taskId))
      if (readModel !== null) await readModelRound(context, readModel.model, readModel.owner)
      if (!tasks().some(({ taskId }) => taskId === 0)) return
      const collected = await collect({
        store,
        logId: log.id,
        partitions: log.partitions,
        keepMs,
        now: environment.now(),
      })
      onCollected?.(collected)
    } catch (error) {
      if (!signal.aborted) onProblem(`blobs cannot be collected: ${(error as Error).message}`)
    }
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('this process is stopping'))
    this.#cancel?.()
    await this.#working
  }
}
